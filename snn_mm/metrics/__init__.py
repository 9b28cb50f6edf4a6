"""torchmetrics that the ecosystem lacks."""
