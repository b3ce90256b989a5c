"""Layers that prepare data: numbers, categories, text, images, sound."""

from pronghorn._lazy import attach

MODULES = {
    ".rescaling": "Rescaling",
    ".normalization": "Normalization",
    ".discretization": "Discretization",
    ".category_encoding": "CategoryEncoding",
    ".hashing": "Hashing",
    ".hashed_crossing": "HashedCrossing",
    ".string_lookup": "StringLookup",
    ".integer_lookup": "IntegerLookup",
    ".text_vectorization": "TextVectorization",
    ".pipeline": "Pipeline",
    ".mel_spectrogram": "MelSpectrogram",
    ".stft_spectrogram": "STFTSpectrogram",
    ".images.sizing": "CenterCrop RandomCrop Resizing",
    ".images.moving": "RandomFlip RandomRotation RandomShear RandomTranslation RandomZoom",
    ".images.warping": "RandomElasticTransform RandomPerspective",
    ".images.light": ("AutoContrast RandomBrightness RandomContrast RandomInvert RandomPosterization Solarization"),
    ".images.color": ("RandomColorDegeneration RandomColorJitter RandomGrayscale RandomHue RandomSaturation"),
    ".images.sharpness": "RandomGaussianBlur RandomSharpness",
    ".images.histogram": "ContrastLimitedAdaptiveHistogramEqualization Equalization",
    ".images.mixing": "CutMix MixUp RandomErasing",
    ".images.mosaic": "Mosaic",
    ".images.policies": "AugMix RandAugment",
    ".images.boxes": "MaxNumBoundingBoxes",
}

attach(__name__, {name: module for module, names in MODULES.items() for name in names.split()})
