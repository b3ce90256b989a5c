"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.layers.activations.layers import Activation as Activation
from pronghorn.layers.activations.layers import ELU as ELU
from pronghorn.layers.activations.layers import LeakyReLU as LeakyReLU
from pronghorn.layers.activations.layers import PReLU as PReLU
from pronghorn.layers.activations.layers import ReLU as ReLU
from pronghorn.layers.activations.layers import Softmax as Softmax
from pronghorn.layers.attention.attention import AdditiveAttention as AdditiveAttention
from pronghorn.layers.attention.attention import Attention as Attention
from pronghorn.layers.attention.grouped_query_attention import GroupedQueryAttention as GroupedQueryAttention
from pronghorn.layers.attention.grouped_query_attention import GroupedQueryAttention as _GroupQueryAttention
from pronghorn.layers.attention.multi_head_attention import MultiHeadAttention as MultiHeadAttention
from pronghorn.layers.convolutional.conv import Conv1D as Conv1D
from pronghorn.layers.convolutional.conv import Conv1D as _Convolution1D
from pronghorn.layers.convolutional.conv import Conv2D as Conv2D
from pronghorn.layers.convolutional.conv import Conv2D as _Convolution2D
from pronghorn.layers.convolutional.conv import Conv3D as Conv3D
from pronghorn.layers.convolutional.conv import Conv3D as _Convolution3D
from pronghorn.layers.convolutional.conv_transpose import Conv1DTranspose as Conv1DTranspose
from pronghorn.layers.convolutional.conv_transpose import Conv1DTranspose as _Convolution1DTranspose
from pronghorn.layers.convolutional.conv_transpose import Conv2DTranspose as Conv2DTranspose
from pronghorn.layers.convolutional.conv_transpose import Conv2DTranspose as _Convolution2DTranspose
from pronghorn.layers.convolutional.conv_transpose import Conv3DTranspose as Conv3DTranspose
from pronghorn.layers.convolutional.conv_transpose import Conv3DTranspose as _Convolution3DTranspose
from pronghorn.layers.convolutional.depthwise_conv import DepthwiseConv1D as DepthwiseConv1D
from pronghorn.layers.convolutional.depthwise_conv import DepthwiseConv2D as DepthwiseConv2D
from pronghorn.layers.convolutional.separable_conv import SeparableConv1D as SeparableConv1D
from pronghorn.layers.convolutional.separable_conv import SeparableConv1D as _SeparableConvolution1D
from pronghorn.layers.convolutional.separable_conv import SeparableConv2D as SeparableConv2D
from pronghorn.layers.convolutional.separable_conv import SeparableConv2D as _SeparableConvolution2D
from pronghorn.layers.core.dense import Dense as Dense
from pronghorn.layers.core.einsum_dense import EinsumDense as EinsumDense
from pronghorn.layers.core.embedding import Embedding as Embedding
from pronghorn.layers.core.embedding import ReversibleEmbedding as ReversibleEmbedding
from pronghorn.layers.core.identity import Identity as Identity
from pronghorn.layers.core.input_layer import Input as Input
from pronghorn.layers.core.input_layer import InputLayer as InputLayer
from pronghorn.layers.core.lambda_layer import Lambda as Lambda
from pronghorn.layers.core.masking import Masking as Masking
from pronghorn.layers.core.ternary_dense import TernaryDense as TernaryDense
from pronghorn.layers.core.wrapper import Wrapper as Wrapper
from pronghorn.layers.foreign.flax_layer import FlaxLayer as FlaxLayer
from pronghorn.layers.foreign.jax_layer import JaxLayer as JaxLayer
from pronghorn.layers.foreign.tfsm_layer import TFSMLayer as TFSMLayer
from pronghorn.layers.foreign.torch_module_wrapper import TorchModuleWrapper as TorchModuleWrapper
from pronghorn.layers.input_spec import InputSpec as InputSpec
from pronghorn.layers.layer import Layer as Layer
from pronghorn.layers.merging.concatenate import Concatenate as Concatenate
from pronghorn.layers.merging.concatenate import concatenate as concatenate
from pronghorn.layers.merging.dot import Dot as Dot
from pronghorn.layers.merging.dot import dot as dot
from pronghorn.layers.merging.merge import Add as Add
from pronghorn.layers.merging.merge import Average as Average
from pronghorn.layers.merging.merge import Maximum as Maximum
from pronghorn.layers.merging.merge import Minimum as Minimum
from pronghorn.layers.merging.merge import Multiply as Multiply
from pronghorn.layers.merging.merge import Subtract as Subtract
from pronghorn.layers.merging.merge import add as add
from pronghorn.layers.merging.merge import average as average
from pronghorn.layers.merging.merge import maximum as maximum
from pronghorn.layers.merging.merge import minimum as minimum
from pronghorn.layers.merging.merge import multiply as multiply
from pronghorn.layers.merging.merge import subtract as subtract
from pronghorn.layers.normalization.batch_normalization import BatchNormalization as BatchNormalization
from pronghorn.layers.normalization.layer_normalization import GroupNormalization as GroupNormalization
from pronghorn.layers.normalization.layer_normalization import LayerNormalization as LayerNormalization
from pronghorn.layers.normalization.layer_normalization import RMSNormalization as RMSNormalization
from pronghorn.layers.normalization.layer_normalization import UnitNormalization as UnitNormalization
from pronghorn.layers.normalization.spectral_normalization import SpectralNormalization as SpectralNormalization
from pronghorn.layers.pooling.adaptive_pooling import AdaptiveAveragePooling1D as AdaptiveAveragePooling1D
from pronghorn.layers.pooling.adaptive_pooling import AdaptiveAveragePooling2D as AdaptiveAveragePooling2D
from pronghorn.layers.pooling.adaptive_pooling import AdaptiveAveragePooling3D as AdaptiveAveragePooling3D
from pronghorn.layers.pooling.adaptive_pooling import AdaptiveMaxPooling1D as AdaptiveMaxPooling1D
from pronghorn.layers.pooling.adaptive_pooling import AdaptiveMaxPooling2D as AdaptiveMaxPooling2D
from pronghorn.layers.pooling.adaptive_pooling import AdaptiveMaxPooling3D as AdaptiveMaxPooling3D
from pronghorn.layers.pooling.global_pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from pronghorn.layers.pooling.global_pooling import GlobalAveragePooling1D as _GlobalAvgPool1D
from pronghorn.layers.pooling.global_pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from pronghorn.layers.pooling.global_pooling import GlobalAveragePooling2D as _GlobalAvgPool2D
from pronghorn.layers.pooling.global_pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
from pronghorn.layers.pooling.global_pooling import GlobalAveragePooling3D as _GlobalAvgPool3D
from pronghorn.layers.pooling.global_pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from pronghorn.layers.pooling.global_pooling import GlobalMaxPooling1D as _GlobalMaxPool1D
from pronghorn.layers.pooling.global_pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from pronghorn.layers.pooling.global_pooling import GlobalMaxPooling2D as _GlobalMaxPool2D
from pronghorn.layers.pooling.global_pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
from pronghorn.layers.pooling.global_pooling import GlobalMaxPooling3D as _GlobalMaxPool3D
from pronghorn.layers.pooling.pooling import AveragePooling1D as AveragePooling1D
from pronghorn.layers.pooling.pooling import AveragePooling1D as _AvgPool1D
from pronghorn.layers.pooling.pooling import AveragePooling2D as AveragePooling2D
from pronghorn.layers.pooling.pooling import AveragePooling2D as _AvgPool2D
from pronghorn.layers.pooling.pooling import AveragePooling3D as AveragePooling3D
from pronghorn.layers.pooling.pooling import AveragePooling3D as _AvgPool3D
from pronghorn.layers.pooling.pooling import MaxPooling1D as MaxPooling1D
from pronghorn.layers.pooling.pooling import MaxPooling1D as _MaxPool1D
from pronghorn.layers.pooling.pooling import MaxPooling2D as MaxPooling2D
from pronghorn.layers.pooling.pooling import MaxPooling2D as _MaxPool2D
from pronghorn.layers.pooling.pooling import MaxPooling3D as MaxPooling3D
from pronghorn.layers.pooling.pooling import MaxPooling3D as _MaxPool3D
from pronghorn.layers.preprocessing.category_encoding import CategoryEncoding as CategoryEncoding
from pronghorn.layers.preprocessing.discretization import Discretization as Discretization
from pronghorn.layers.preprocessing.hashed_crossing import HashedCrossing as HashedCrossing
from pronghorn.layers.preprocessing.hashing import Hashing as Hashing
from pronghorn.layers.preprocessing.images.boxes import MaxNumBoundingBoxes as MaxNumBoundingBoxes
from pronghorn.layers.preprocessing.images.color import RandomColorDegeneration as RandomColorDegeneration
from pronghorn.layers.preprocessing.images.color import RandomColorJitter as RandomColorJitter
from pronghorn.layers.preprocessing.images.color import RandomGrayscale as RandomGrayscale
from pronghorn.layers.preprocessing.images.color import RandomHue as RandomHue
from pronghorn.layers.preprocessing.images.color import RandomSaturation as RandomSaturation
from pronghorn.layers.preprocessing.images.histogram import ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization
from pronghorn.layers.preprocessing.images.histogram import Equalization as Equalization
from pronghorn.layers.preprocessing.images.light import AutoContrast as AutoContrast
from pronghorn.layers.preprocessing.images.light import RandomBrightness as RandomBrightness
from pronghorn.layers.preprocessing.images.light import RandomContrast as RandomContrast
from pronghorn.layers.preprocessing.images.light import RandomInvert as RandomInvert
from pronghorn.layers.preprocessing.images.light import RandomPosterization as RandomPosterization
from pronghorn.layers.preprocessing.images.light import Solarization as Solarization
from pronghorn.layers.preprocessing.images.mixing import CutMix as CutMix
from pronghorn.layers.preprocessing.images.mixing import MixUp as MixUp
from pronghorn.layers.preprocessing.images.mixing import RandomErasing as RandomErasing
from pronghorn.layers.preprocessing.images.mosaic import Mosaic as Mosaic
from pronghorn.layers.preprocessing.images.moving import RandomFlip as RandomFlip
from pronghorn.layers.preprocessing.images.moving import RandomRotation as RandomRotation
from pronghorn.layers.preprocessing.images.moving import RandomShear as RandomShear
from pronghorn.layers.preprocessing.images.moving import RandomTranslation as RandomTranslation
from pronghorn.layers.preprocessing.images.moving import RandomZoom as RandomZoom
from pronghorn.layers.preprocessing.images.policies import AugMix as AugMix
from pronghorn.layers.preprocessing.images.policies import RandAugment as RandAugment
from pronghorn.layers.preprocessing.images.sharpness import RandomGaussianBlur as RandomGaussianBlur
from pronghorn.layers.preprocessing.images.sharpness import RandomSharpness as RandomSharpness
from pronghorn.layers.preprocessing.images.sizing import CenterCrop as CenterCrop
from pronghorn.layers.preprocessing.images.sizing import RandomCrop as RandomCrop
from pronghorn.layers.preprocessing.images.sizing import Resizing as Resizing
from pronghorn.layers.preprocessing.images.warping import RandomElasticTransform as RandomElasticTransform
from pronghorn.layers.preprocessing.images.warping import RandomPerspective as RandomPerspective
from pronghorn.layers.preprocessing.integer_lookup import IntegerLookup as IntegerLookup
from pronghorn.layers.preprocessing.mel_spectrogram import MelSpectrogram as MelSpectrogram
from pronghorn.layers.preprocessing.normalization import Normalization as Normalization
from pronghorn.layers.preprocessing.pipeline import Pipeline as Pipeline
from pronghorn.layers.preprocessing.rescaling import Rescaling as Rescaling
from pronghorn.layers.preprocessing.stft_spectrogram import STFTSpectrogram as STFTSpectrogram
from pronghorn.layers.preprocessing.string_lookup import StringLookup as StringLookup
from pronghorn.layers.preprocessing.text_vectorization import TextVectorization as TextVectorization
from pronghorn.layers.registry import deserialize as deserialize
from pronghorn.layers.registry import serialize as serialize
from pronghorn.layers.regularization.dropout import ActivityRegularization as ActivityRegularization
from pronghorn.layers.regularization.dropout import AlphaDropout as AlphaDropout
from pronghorn.layers.regularization.dropout import Dropout as Dropout
from pronghorn.layers.regularization.dropout import GaussianDropout as GaussianDropout
from pronghorn.layers.regularization.dropout import GaussianNoise as GaussianNoise
from pronghorn.layers.regularization.dropout import SpatialDropout1D as SpatialDropout1D
from pronghorn.layers.regularization.dropout import SpatialDropout2D as SpatialDropout2D
from pronghorn.layers.regularization.dropout import SpatialDropout3D as SpatialDropout3D
from pronghorn.layers.reshaping.reshape import Flatten as Flatten
from pronghorn.layers.reshaping.reshape import Permute as Permute
from pronghorn.layers.reshaping.reshape import RepeatVector as RepeatVector
from pronghorn.layers.reshaping.reshape import Reshape as Reshape
from pronghorn.layers.reshaping.spatial import Cropping1D as Cropping1D
from pronghorn.layers.reshaping.spatial import Cropping2D as Cropping2D
from pronghorn.layers.reshaping.spatial import Cropping3D as Cropping3D
from pronghorn.layers.reshaping.spatial import UpSampling1D as UpSampling1D
from pronghorn.layers.reshaping.spatial import UpSampling2D as UpSampling2D
from pronghorn.layers.reshaping.spatial import UpSampling3D as UpSampling3D
from pronghorn.layers.reshaping.spatial import ZeroPadding1D as ZeroPadding1D
from pronghorn.layers.reshaping.spatial import ZeroPadding2D as ZeroPadding2D
from pronghorn.layers.reshaping.spatial import ZeroPadding3D as ZeroPadding3D
from pronghorn.layers.rnn.bidirectional import Bidirectional as Bidirectional
from pronghorn.layers.rnn.conv_lstm import ConvLSTM1D as ConvLSTM1D
from pronghorn.layers.rnn.conv_lstm import ConvLSTM2D as ConvLSTM2D
from pronghorn.layers.rnn.conv_lstm import ConvLSTM3D as ConvLSTM3D
from pronghorn.layers.rnn.gru import GRU as GRU
from pronghorn.layers.rnn.gru import GRUCell as GRUCell
from pronghorn.layers.rnn.lstm import LSTM as LSTM
from pronghorn.layers.rnn.lstm import LSTMCell as LSTMCell
from pronghorn.layers.rnn.rnn import RNN as RNN
from pronghorn.layers.rnn.simple_rnn import SimpleRNN as SimpleRNN
from pronghorn.layers.rnn.simple_rnn import SimpleRNNCell as SimpleRNNCell
from pronghorn.layers.rnn.stacked_cells import StackedRNNCells as StackedRNNCells
from pronghorn.layers.rnn.time_distributed import TimeDistributed as TimeDistributed

AvgPool1D = _AvgPool1D

AvgPool2D = _AvgPool2D

AvgPool3D = _AvgPool3D

Convolution1D = _Convolution1D

Convolution1DTranspose = _Convolution1DTranspose

Convolution2D = _Convolution2D

Convolution2DTranspose = _Convolution2DTranspose

Convolution3D = _Convolution3D

Convolution3DTranspose = _Convolution3DTranspose

GlobalAvgPool1D = _GlobalAvgPool1D

GlobalAvgPool2D = _GlobalAvgPool2D

GlobalAvgPool3D = _GlobalAvgPool3D

GlobalMaxPool1D = _GlobalMaxPool1D

GlobalMaxPool2D = _GlobalMaxPool2D

GlobalMaxPool3D = _GlobalMaxPool3D

GroupQueryAttention = _GroupQueryAttention

MaxPool1D = _MaxPool1D

MaxPool2D = _MaxPool2D

MaxPool3D = _MaxPool3D

SeparableConvolution1D = _SeparableConvolution1D

SeparableConvolution2D = _SeparableConvolution2D
