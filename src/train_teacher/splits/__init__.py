"""Assignment of images to train, val and test, and the images that must stay together."""
