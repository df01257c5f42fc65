"""The lesson on autoencoders: measures, baselines, exhibits, verdicts A1 to A5."""

COURSE_NOISE = 0.5
"""standard deviation of what the lesson's denoising network is trained to undo"""
