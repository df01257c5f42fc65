"""Dog breeds: a CNN from scratch against heads on frozen networks; claims T1, D5 and D6."""
