"""Names that face detection and its reports share. No heavy import: for `--help`."""

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
