"""Names that detection and its reports share. No heavy import: for `--help`."""

UNITS = {
    "size": "share of the side",
    "blur": "standard deviation, pixels",
    "noise": "standard deviation of 255",
    "rotation": "degrees",
    "brightness": "factor",
    "occlusion": "share covered",
}
"""way to make a picture harder -> unit of its levels"""
CLEAN = "none"
"""pictures as they are"""
OVERLAP = 0.5
"""IoU from which a found box and a marked face are the same"""
KINDS = ("dog", "human", "both", "neither")
"""what a picture shows, or is taken for"""
SINGLE = ("dog", "human", "neither")
"""those that the course's algorithm knows"""
ORDERS = ("both", "dog-first", "face-first")
"""both: says so where a dog and a face are found; the course's dog-first stops at a dog"""
THRESHOLD = 0.5
"""probability of all breeds together from which a picture shows a dog"""
