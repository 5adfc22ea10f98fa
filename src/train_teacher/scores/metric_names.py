"""The names under which MMDetection logs the scores of a validation."""

METRIC = "coco/bbox_mAP"
METRIC_50 = f"{METRIC}_50"
