"""The MMDetection config, generated from facts about the data and from settings."""
