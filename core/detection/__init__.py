"""Face detectors: Haar cascades and MTCNN, the boxes they return, and pictures made harder."""
