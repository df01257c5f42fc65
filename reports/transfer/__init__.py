"""The four regimes of transfer: cells, ranks and regret, the advisor; claims T2 to T5."""
