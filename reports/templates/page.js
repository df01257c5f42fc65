const form = document.querySelector("#filter"), rows = [...document.querySelectorAll(".ledger tbody tr")];
const search = form.elements.words, shown = form.querySelector("output");
function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean), lesson = form.elements.lesson.value;
  const verdicts = [...form.querySelectorAll("[name=verdict]:checked")].map(box => box.value);
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !(verdicts.includes(row.dataset.verdict) && (!lesson || row.dataset.lesson === lesson)
      && words.every(word => text.includes(word)));
  }
  shown.value = `${rows.filter(row => !row.hidden).length} of ${rows.length} claims`;
}
form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", event => event.preventDefault());
addEventListener("keydown", event => {
  const typing = event.target.matches("input[type=search], select");
  if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); }
  if (event.key === "Escape" && event.target === search) { search.value = ""; filter(); }
});
// A link to a claim that is filtered away shows it.
function follow() {
  const row = rows.find(row => `#${row.id}` === location.hash);
  if (!row?.hidden) return;
  form.reset();
  form.querySelector(`[value="${row.dataset.verdict}"]`).checked = true;
  filter();
  row.scrollIntoView();
}
addEventListener("hashchange", follow);
const unfold = document.querySelector("#unfold");
unfold.hidden = false;
unfold.addEventListener("click", () => {
  const open = unfold.textContent.startsWith("Unfold");
  for (const details of document.querySelectorAll("details")) details.open = open;
  unfold.textContent = open ? "Fold everything" : "Unfold everything";
});
filter();
follow();
