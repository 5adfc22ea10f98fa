"""I: image files."""

from __future__ import annotations

from train_teacher.inspection.explanations.explanation import Explanation

IMAGE_CODES = {
    "I1": Explanation(
        "Images that are not there",
        "Training stops at the first of them, often hours later.",
        "Name their folder with --images DIR, copy them there, or remove the records.",
    ),
    "I2": Explanation(
        "Damaged images",
        "Empty files, web pages saved as images, Git LFS pointers, files without their end. A "
        "JPEG that lacks two bytes is enough: OpenCV returns nothing, and training stops there. "
        "--deep decodes every file as training does.",
        "Download or export them again.",
    ),
    "I3": Explanation(
        "The JSON states another size than the file has",
        "Boxes are pixels of the image that was labelled. MMDetection takes the size of the file "
        "for scaling, so on a file of another size all boxes lie elsewhere. Swapped "
        "sizes are usually EXIF (I4), a constant factor means resized copies.",
        "Use the images that were labelled, or export again. Where the boxes tell at which of "
        "two sizes they were drawn, --fix exchanges the sides, or brings sizes and boxes to those "
        "of the file.",
    ),
    "I4": Explanation(
        "Photos turned by EXIF",
        "Cameras store which way is up, and MMDetection turns the image when it reads it. If "
        "the JSON has the size as stored, the boxes were drawn on the unturned image and lie "
        "elsewhere after turning. If it has the turned size, all is well.",
        "Save the images without the EXIF orientation, and label on those.",
    ),
    "I5": Explanation(
        "Unusual pixels",
        "16-bit images are reduced to 8 bits and may become nearly black, floating point "
        "TIFFs cannot be read, transparency is dropped so that hidden pixels appear, and only "
        "the first page or frame counts. Grey images are fine.",
        "Convert them to 8-bit RGB.",
    ),
    "I6": Explanation(
        "The file ending is not the format",
        "A PNG called .jpg is read all the same.",
        "Nothing to do.",
    ),
    "I7": Explanation(
        "Images under 32 pixels",
        "The recipe removes them from training without a word (filter_cfg min_size=32).",
        "Use larger images.",
    ),
    "I8": Explanation(
        "Very large or long images, objects that become tiny",
        "Images are scaled to 800 x 1333 pixels: a 20-pixel object of a 4000-pixel photo is 7 "
        "pixels then.",
        "Cut the images into tiles.",
    ),
    "I9": Explanation(
        "File names that are not plain relative names",
        "Absolute paths, backslashes, addresses, %20, another case: MMDetection would not find "
        "these files. Those found here under another name are used under that name.",
        "Nothing to do where the file was found.",
        "both",
    ),
    "I10": Explanation(
        "Images that no record names",
        "They are not used. Often the unlabelled rest, sometimes a sign of the wrong folder.",
        "Nothing to do.",
    ),
    "I11": Explanation(
        "The same image more than once",
        "Equal bytes, or with --deep nearly equal pixels. Within a split such images weigh "
        "more; across splits it is D8.",
        "Keep one of each.",
    ),
    "I12": Explanation(
        "Dark, bright, blurred or empty images",
        "Found with --deep. Objects that a person cannot see teach the model to guess.",
        "Look at them.",
    ),
}
