"""Names under which MMDetection logs validation scores, and our own names."""

METRIC = "coco/bbox_mAP"
METRIC_50 = f"{METRIC}_50"
ELAPSED = "elapsed"
"""Seconds that the run has taken, all its starts together."""
LOSS_SINCE = "loss_since"
"""Mean loss of the batches since the line before."""
