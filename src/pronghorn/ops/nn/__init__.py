"""What neural networks are made of: activations, convolutions, pooling, losses, normalisation, attention."""

from pronghorn._lazy import attach

_MODULES = {
    ".activations": (
        "celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu log_sigmoid "
        "log_softmax normalize relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus "
        "sparse_sigmoid sparsemax squareplus swish tanh_shrink threshold"
    ),
    ".attention": "dot_product_attention",
    ".convolution": "conv conv_transpose depthwise_conv separable_conv",
    ".ctc": "ctc_decode ctc_loss",
    ".losses": "binary_crossentropy categorical_crossentropy multi_hot one_hot psnr sparse_categorical_crossentropy",
    ".normalization": "batch_normalization layer_normalization moments rms_normalization",
    ".patches": "depth_to_space fold polar space_to_depth unfold",
    ".pooling": "adaptive_average_pool adaptive_max_pool average_pool max_pool",
}

_NAMES = {name: module for module, names in _MODULES.items() for name in names.split()}

attach(__name__, _NAMES)
