"""The four regimes of transfer: cells, ranks and regret, the advisor, verdicts T1 to T5."""
