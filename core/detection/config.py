"""Names that detection and its reports share. No heavy import: for `--help`."""

DETECTORS = ("haar-alt", "mtcnn", "haar-default", "haar-alt2", "haar-profile")
"""as `core.detection.registry` opens them; haar-alt is the course's"""
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
"""what the dog app takes a picture for"""
ORDERS = ("both", "dog-first", "face-first")
"""both: says so where a dog and a face are found; the course's dog-first stops at a dog"""
