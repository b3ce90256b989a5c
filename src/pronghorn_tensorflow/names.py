"""The names of TensorFlow that `pronghorn run` stands in for, and what each leads to."""

from __future__ import annotations

#: The TensorFlow release whose Keras tutorials are meant to run.
VERSION = "2.21.0"

# Namespace to {name in TensorFlow: "module:name" in Pronghorn}; a bare name stands for pronghorn.ops.
OPS_OF_SAME_NAME = {
    "": (
        "abs add cond cos einsum equal exp floor greater greater_equal less less_equal linspace "
        "logical_and logical_not logical_or maximum meshgrid minimum multiply not_equal ones pow:power round "
        "sigmoid sign sin sinh cosh sqrt square stop_gradient subtract tan tanh tensordot "
        "vectorized_map while_loop identity:copy eig "
        "negative acos:arccos asin:arcsin atan:arctan floordiv:floor_divide acosh:arccosh asinh:arcsinh atanh:arctanh "
        "atan2:arctan2 get_static_value:convert_to_numpy no_gradient:stop_gradient "
        "grad_pass_through:stop_gradient realdiv:true_divide saturate_cast"
    ),
    "math": (
        "abs add ceil cos cosh equal erf exp expm1 floor greater greater_equal is_finite:isfinite "
        "is_inf:isinf is_nan:isnan less less_equal log log1p logical_and logical_not logical_or maximum "
        "minimum mod multiply negative not_equal pow:power round rsqrt sigmoid sign "
        "sin sinh sqrt square subtract tan tanh real imag conj reciprocal floormod:mod "
        "floordiv:floor_divide acos:arccos asin:arcsin atan:arctan atan2:arctan2 log_sigmoid "
        "acosh:arccosh asinh:arcsinh atanh:arctanh angle erfc erfinv "
        "logical_xor nextafter rint:round igamma:gammainc"
    ),
    "nn": "moments sigmoid tanh",
    "linalg": ("cholesky det einsum eigh pinv eig matrix_rank tensordot"),
    "bitwise": "bitwise_and bitwise_or bitwise_xor left_shift right_shift",
}

#: Namespace to what is written out in this package, since TensorFlow calls or means its arguments otherwise: the module
#: (one of `pronghorn`'s or of Python's by its whole name), and the names in it (`name in TensorFlow:name there`).
WRITTEN_OUT: dict[str, dict[str, str]] = {
    "": {
        "arrays.basic": (
            "argmax argmin broadcast_to cast clip_by_value concat expand_dims ones_like repeat reshape "
            "reverse roll squeeze stack tile transpose unstack zeros_like boolean_mask eye ensure_shape "
            "gather gather_nd one_hot pad range:arange scatter_nd tensor_scatter_nd_update "
            "tensor_scatter_nd_add tensor_scatter_nd_max tensor_scatter_nd_min sequence_mask sort argsort "
            "slice:slice_of split where map_fn scan foldl"
        ),
        "math.basic": (
            "reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum "
            "cumsum matmul add_n clip_by_norm clip_by_global_norm norm unique divide truediv:divide"
        ),
        "arrays.shapes": "rank shape size",
        "math.elementwise": "bitcast complex:complex_of scalar_mul truncatediv",
        "math.places": (
            "case dynamic_partition dynamic_stitch histogram_fixed_width reverse_sequence searchsorted "
            "switch_case tensor_scatter_nd_sub unravel_index"
        ),
        "program.functions": (
            "UnconnectedGradients constant convert_to_tensor "
            "control_dependencies executing_eagerly fill get_logger group identity_n init_scope no_op:nothing "
            "recompute_grad zeros"
        ),
        "printing.print": "print:tf_print",
        "keras_backend.layers": "foldr",
        "program.compiled": "function",
        "program.gradients": "gradients",
        "program.checks": "Assert assert_equal assert_greater assert_less assert_rank",
        "program.objects": "Module TensorArray numpy_function py_function",
        "rows.sparse": "SparseTensor",
        "rows.sparse_functions": "edit_distance",
        "nn.blocks": (
            "batch_to_space broadcast_dynamic_shape broadcast_static_shape shape_n space_to_batch "
            "space_to_batch_nd:space_to_batch strided_slice timestamp tuple:tensors unique_with_counts"
        ),
        "strings.basic": "as_string",
        "arrays.types": "DType IndexedSlices VariableAggregation VariableSynchronization as_dtype",
        "program.variables": "Variable",
        "pronghorn.data": "RaggedTensor TensorSpec",
        "pronghorn.data.tensor_spec": "RaggedTensorSpec SparseTensorSpec TensorShape",
        "pronghorn.initializers": (
            "constant_initializer:Constant ones_initializer:Ones random_normal_initializer:RandomNormal "
            "random_uniform_initializer:RandomUniform zeros_initializer:Zeros"
        ),
    },
    "math": {
        "program.functions": "squared_difference",
        "nn.basic": "log_softmax softmax softplus softsign",
        "math.elementwise": (
            "cumulative_logsumexp erfcinv is_non_decreasing is_strictly_increasing ndtri polyval "
            "reciprocal_no_nan reduce_euclidean_norm scalar_mul xdivy xlog1py xlogy zero_fraction"
        ),
        "math.places": "invert_permutation bincount",
        "math.segments": (
            "segment_max segment_mean segment_min segment_prod segment_sum unsorted_segment_min "
            "unsorted_segment_prod unsorted_segment_sqrt_n"
        ),
        "math.linalg": "igammac lbeta",
        "math.special": "bessel_i0 bessel_i0e bessel_i1 bessel_i1e betainc polygamma zeta",
        "arrays.basic": "argmax argmin",
        "math.basic": (
            "reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std "
            "reduce_sum reduce_variance cumsum cumprod add_n accumulate_n:add_n divide_no_nan "
            "multiply_no_nan count_nonzero l2_normalize top_k unsorted_segment_sum unsorted_segment_max "
            "unsorted_segment_mean confusion_matrix in_top_k lgamma digamma divide truediv:divide"
        ),
    },
    "math.special": {
        "math.special": (
            "bessel_i0 bessel_i0e bessel_i1 bessel_i1e bessel_j0 bessel_j1 bessel_k0 bessel_k0e bessel_k1 bessel_k1e "
            "bessel_y0 bessel_y1 dawsn expint fresnel_cos fresnel_sin spence"
        ),
    },
    "sets": {"rows.sets": "difference intersection size union"},
    "nn": {
        "nn.basic": (
            "bias_add elu leaky_relu log_softmax relu relu6 selu softmax softplus softsign silu swish:silu gelu crelu "
            "l2_loss batch_normalization conv1d conv2d conv3d depthwise_conv2d separable_conv2d "
            "conv1d_transpose conv2d_transpose conv3d_transpose max_pool avg_pool max_pool1d "
            "avg_pool1d max_pool2d avg_pool2d max_pool3d avg_pool3d depth_to_space space_to_depth"
        ),
        "math.basic": "in_top_k l2_normalize top_k",
        "math.elementwise": "zero_fraction",
        "math.random": "dropout",
        "program.functions": (
            "embedding_lookup sigmoid_cross_entropy_with_logits softmax_cross_entropy_with_logits "
            "sparse_softmax_cross_entropy_with_logits"
        ),
        "nn.losses": (
            "compute_average_loss ctc_loss local_response_normalization lrn:local_response_normalization "
            "log_poisson_loss normalize_moments scale_regularization_loss weighted_cross_entropy_with_logits "
            "weighted_moments"
        ),
        "nn.blocks": "atrous_conv2d convolution max_pool_with_argmax pool",
        "nn.sampling": (
            "ctc_beam_search_decoder ctc_greedy_decoder embedding_lookup_sparse nce_loss sampled_softmax_loss"
        ),
    },
    "linalg": {
        "math.linalg": "expm sqrtm",
        "math.matrices": (
            "diag eigvals inv lstsq lu lu_matrix_inverse lu_reconstruct lu_solve matvec qr set_diag solve svd "
            "tensor_diag tensor_diag_part trace"
        ),
        "math.basic": "matmul global_norm norm l2_normalize band_part diag_part",
        "arrays.basic": "eye",
        "math.solving": (
            "adjoint cholesky_solve cross eigvalsh logdet matrix_transpose normalize slogdet triangular_solve"
        ),
    },
    "image": {
        "files.io": (
            "adjust_jpeg_quality decode_and_crop_jpeg decode_bmp decode_gif decode_image decode_jpeg decode_png "
            "decode_webp encode_jpeg encode_png extract_jpeg_shape is_jpeg random_jpeg_quality"
        ),
        "image.patches": (
            "combined_non_max_suppression draw_bounding_boxes extract_patches image_gradients non_max_suppression "
            "non_max_suppression_padded non_max_suppression_with_scores rgb_to_yiq rgb_to_yuv sobel_edges "
            "ssim stateless_random_brightness stateless_random_contrast stateless_random_crop "
            "stateless_random_flip_left_right stateless_random_flip_up_down stateless_random_hue "
            "stateless_random_saturation total_variation yiq_to_rgb yuv_to_rgb"
        ),
        "image.basic": (
            "adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation central_crop "
            "convert_image_dtype crop_to_bounding_box flip_left_right flip_up_down grayscale_to_rgb "
            "pad_to_bounding_box per_image_standardization random_brightness random_contrast random_flip_left_right "
            "random_flip_up_down random_crop random_hue random_saturation resize_with_crop_or_pad rgb_to_grayscale "
            "rgb_to_hsv hsv_to_rgb rot90 transpose psnr"
        ),
        "image.resizing": "ResizeMethod crop_and_resize resize resize_with_pad",
    },
    "random": {
        "math.random": (
            "Generator categorical fold_in gamma get_global_generator normal poisson set_seed shuffle "
            "split stateless_categorical stateless_normal stateless_truncated_normal stateless_uniform "
            "truncated_normal uniform"
        ),
        "nn.sampling": "log_uniform_candidate_sampler uniform_candidate_sampler",
    },
    "random.experimental": {
        "math.random": (
            "Generator get_global_generator stateless_fold_in:fold_in stateless_shuffle stateless_split:split"
        ),
    },
    "dtypes": {
        "arrays.basic": "cast",
        "math.elementwise": "complex:complex_of",
        "arrays.types": "DType as_dtype",
        "pronghorn.ops": "saturate_cast",
    },
    "signal": {
        "math.signal": (
            "dct fft fft2d fftshift frame hamming_window hann_window ifft ifft2d ifftshift inverse_stft "
            "inverse_stft_window_fn irfft irfft2d linear_to_mel_weight_matrix mfccs_from_log_mel_spectrograms "
            "overlap_and_add rfft rfft2d stft"
        ),
    },
    "bitwise": {"math.elementwise": "invert"},
    "audio": {"files.io": "decode_wav encode_wav"},
    "io": {
        "files.io": (
            "decode_and_crop_jpeg decode_base64 decode_bmp decode_compressed decode_gif decode_image decode_jpeg "
            "decode_png decode_raw decode_webp encode_base64 encode_jpeg encode_png extract_jpeg_shape is_jpeg "
            "matching_files parse_tensor read_file serialize_tensor write_file"
        ),
        "files.records": (
            "FixedLenFeature FixedLenSequenceFeature RaggedFeature TFRecordOptions TFRecordWriter VarLenFeature "
            "decode_csv parse_example parse_single_example"
        ),
        "files.sequences": "parse_sequence_example parse_single_sequence_example",
        "files.sparse": "deserialize_many_sparse serialize_many_sparse serialize_sparse",
    },
    "io.gfile": {
        "files.gfile": "GFile",
        "files.io": ("copy exists glob:find isdir join listdir makedirs mkdir remove rename rmtree stat walk"),
    },
    "train": {
        "files.messages": "BytesList Example Feature Features FloatList Int64List",
        "files.sequences": "FeatureList FeatureLists SequenceExample",
        "program.objects": "Checkpoint CheckpointManager latest_checkpoint",
    },
    "saved_model": {
        "program.saved_model": (
            "DEFAULT_SERVING_SIGNATURE_DEF_KEY LoadOptions SaveOptions contains_saved_model load save"
        ),
    },
    "queue": {"program.queues": "FIFOQueue PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue"},
    "lookup.experimental": {"program.tables": "DenseHashTable MutableHashTable"},
    "lookup": {
        "program.tables": (
            "KeyValueTensorInitializer StaticHashTable StaticVocabularyTable TextFileIndex TextFileInitializer"
        ),
    },
    "sparse": {
        "rows.sparse": "SparseTensor from_dense reduce_sum reorder sparse_dense_matmul to_dense",
        "rows.sparse_functions": (
            "add concat expand_dims eye fill_empty_rows map_values maximum minimum reduce_max reset_shape reshape "
            "retain slice:slice_of softmax split to_indicator transpose"
        ),
    },
    "summary": {
        "files.summary": (
            "SummaryWriter:Writer audio:nothing create_file_writer flush graph:nothing histogram image scalar "
            "text:nothing trace_export:nothing trace_off:nothing trace_on:nothing"
        ),
    },
    "summary.experimental": {"files.summary": "get_step set_step"},
    "errors": {
        "program.errors": (
            "AbortedError AlreadyExistsError CancelledError DataLossError DeadlineExceededError "
            "FailedPreconditionError InternalError InvalidArgumentError NotFoundError OpError OutOfRangeError "
            "OperatorNotAllowedInGraphError PermissionDeniedError ResourceExhaustedError UnauthenticatedError "
            "UnavailableError UnimplementedError UnknownError OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED "
            "NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE "
            "UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
        ),
    },
    "debugging": {
        "program.checks": (
            "Assert assert_all_finite assert_equal assert_greater assert_greater_equal assert_less assert_less_equal "
            "assert_near assert_negative assert_non_negative assert_non_positive assert_none_equal assert_positive "
            "assert_rank assert_rank_at_least assert_rank_in assert_scalar assert_shapes assert_type check_numerics"
        ),
        "program.functions": "set_log_device_placement:nothing",
        "pronghorn.config": "disable_traceback_filtering enable_traceback_filtering is_traceback_filtering_enabled",
    },
    "test": {
        "program.functions": (
            "gpu_device_name:no_name is_built_with_cuda:no_gpu is_built_with_gpu_support:no_gpu "
            "is_built_with_rocm:no_gpu is_built_with_xla:no_gpu is_gpu_available:no_gpu"
        ),
        "program.testing": "TestCase",
        "unittest": "main",
    },
    "config": {
        "program.functions": (
            "LogicalDevice:Device PhysicalDevice:Device experimental_run_functions_eagerly:run_functions_eagerly "
            "functions_run_eagerly get_visible_devices:list_physical_devices list_logical_devices "
            "list_physical_devices run_functions_eagerly set_logical_device_configuration:nothing "
            "set_soft_device_placement:nothing set_visible_devices:nothing"
        ),
    },
    "config.experimental": {
        "program.functions": (
            "enable_op_determinism:nothing enable_tensor_float_32_execution:nothing "
            "list_logical_devices list_physical_devices set_memory_growth:nothing "
            "set_virtual_device_configuration:nothing set_visible_devices:nothing"
        ),
    },
    "config.optimizer": {
        "program.functions": "get_jit:no_name set_experimental_options:nothing set_jit:nothing",
    },
    "config.threading": {
        "program.functions": ("set_inter_op_parallelism_threads:nothing set_intra_op_parallelism_threads:nothing"),
    },
    "nest": {"pronghorn.tree": "assert_same_structure flatten is_nested map_structure pack_sequence_as"},
    "data": {
        "files.records": "FixedLengthRecordDataset TFRecordDataset TextLineDataset",
        "program.functions": "INFINITE_CARDINALITY UNKNOWN_CARDINALITY",
        "pronghorn.data.options": "Options ThreadingOptions:Options",
        "pronghorn.data.dataset": "Iterator:Elements",
    },
    "data.experimental": {
        "pronghorn.data.options": "AutotuneOptions:Options OptimizationOptions:Options ThreadingOptions:Options",
        "files.records": "CsvDataset make_csv_dataset",
        "program.functions": (
            "AutoShardPolicy Counter:counter INFINITE_CARDINALITY UNKNOWN_CARDINALITY "
            "assert_cardinality bucket_by_sequence_length cardinality choose_from_datasets dense_to_ragged_batch "
            "enumerate_dataset get_single_element group_by_window ignore_errors load prefetch_to_device "
            "sample_from_datasets save scan shuffle_and_repeat snapshot take_while unbatch unique"
        ),
    },
    "distribute": {
        "program.distribute": (
            "InputContext MirroredStrategy MultiWorkerMirroredStrategy OneDeviceStrategy ParameterServerStrategy "
            "ReduceOp Strategy TPUStrategy get_strategy has_strategy"
        ),
    },
    "distribute.cluster_resolver": {"program.distribute": "TPUClusterResolver"},
    "autograph": {"program.functions": "set_verbosity:nothing to_code:no_name"},
    "autograph.experimental": {"program.functions": "do_not_convert:as_it_is set_loop_options:nothing"},
    "compat": {"program.functions": "as_bytes as_str as_str_any as_text:as_str path_to_str:as_str"},
    "compat.v2": {"program.functions": "enable_v2_behavior:nothing"},
    "compat.v1": {
        "program.variables": "assign assign_add assign_sub",
        "program.functions": (
            "disable_eager_execution:nothing disable_v2_behavior:nothing enable_eager_execution:nothing "
            "enable_v2_behavior:nothing get_default_graph:nothing global_variables_initializer:nothing "
            "reset_default_graph:nothing disable_resource_variables:nothing enable_resource_variables:nothing "
            "tables_initializer:nothing to_float to_int32 to_int64 local_variables_initializer:nothing"
        ),
        "program.queues": "FIFOQueue PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue",
        "program.sessions": "ConfigProto GPUOptions InteractiveSession:Session Session",
        "math.random": "set_random_seed:set_seed random_normal:normal random_uniform:uniform truncated_normal",
    },
    "compat.v1.io": {"files.records": "tf_record_iterator"},
    "compat.v1.python_io": {"files.records": "TFRecordOptions TFRecordWriter tf_record_iterator"},
    "compat.v1.nn": {
        "nn.older": "avg_pool conv2d max_pool pool",
        "program.functions": "softmax_cross_entropy_with_logits_v2:softmax_cross_entropy_with_logits",
    },
    "compat.v1.image": {
        "image.older_resizing": (
            "ResizeMethod resize resize_area resize_bicubic resize_bilinear resize_images:resize "
            "resize_nearest_neighbor"
        ),
    },
    "logging": {
        "program.functions": "debug error fatal info log set_verbosity:nothing warn warning",
        "logging": "DEBUG ERROR FATAL INFO WARN",
    },
    "version": {"names": "VERSION"},
    "sysconfig": {"program.functions": "get_build_info"},
    "ragged": {
        "rows.ragged": "boolean_mask constant map_flat_values range:arange stack",
        "rows.ragged_functions": "row_splits_to_segment_ids segment_ids_to_row_splits stack_dynamic_partitions",
    },
    "strings": {
        "strings.basic": (
            "as_string bytes_split join length lower ngrams reduce_join regex_full_match regex_replace split "
            "strip substr to_hash_bucket to_hash_bucket_fast to_hash_bucket_strong to_number unicode_decode "
            "unicode_decode_with_offsets unicode_encode unicode_split unicode_split_with_offsets unicode_transcode "
            "unsorted_segment_join upper"
        ),
        "strings.scripts": "unicode_script",
        "strings.templates": "format",
    },
}

SPECIAL: dict[str, dict[str, str]] = {
    "": {
        "GradientTape": "pronghorn:GradientTape",
        "Tensor": "pronghorn_tensorflow.arrays.tensor:Tensor",
        "is_tensor": "pronghorn_tensorflow.arrays.tensor:is_tensor",
        "make_tensor_proto": "tensorboard.util.tensor_util:make_tensor_proto",
        "newaxis": "numpy:newaxis",
        "device": "pronghorn:device",
        "name_scope": "pronghorn:name_scope",
        "custom_gradient": "pronghorn.ops:custom_gradient",
    },
    "data": {"AUTOTUNE": "pronghorn.data:AUTOTUNE", "Dataset": "pronghorn.data:Dataset"},
    "data.experimental": {"AUTOTUNE": "pronghorn.data:AUTOTUNE"},
    "experimental": {},
    "experimental.numpy": {
        **{name: f"numpy:{name}" for name in ("e", "inf", "newaxis", "pi")},
        **dict.fromkeys(("asanyarray", "asarray", "ascontiguousarray"), "pronghorn.ops:array"),
        "experimental_enable_numpy_behavior": "pronghorn_tensorflow.program.functions:nothing",
        "ndarray": "pronghorn.engine.graph.tensor:Tensor",
    },
}

#: The namespaces of functions of arrays.
OF_ARRAYS = ("", "compat.v1.image", "compat.v1.nn", "image", "linalg", "math", "nn", "signal")

#: Parts of Keras that TensorFlow has as its own, too.
KERAS_TOO = ("initializers", "losses", "metrics", "optimizers")

ABSENT = {
    "deserialize_sparse": "use tf.io.deserialize_many_sparse, which takes strings [rows, 3]",
    "gfile": "use tf.io.gfile; its functions have names in small letters, such as exists for Exists",
    "string_split": "use tf.strings.split, which gives a RaggedTensor",
    "layers": "use tf.keras.layers",
    "Session": "TensorFlow 1 code does not run on Keras 3",
    "placeholder": (
        "values are not fed into graphs here, but given to functions; make it an argument of a tf.function or, for a "
        "model's input, keras.Input(batch_shape=shape, dtype=dtype)"
    ),
    "Graph": "take tf.function, which traces a graph; `with tf.Graph().as_default():` around code is not needed",
    "estimator": "use model.fit",
    "feature_column": "use keras.utils.FeatureSpace",
    "lite": "use model.export",
    "python": "it is private to TensorFlow",
    "contrib": "it is gone from TensorFlow 2",
    "raw_ops": "use the function of tf, tf.math or tf.nn that has the name in small letters, such as tf.matmul",
    "xla": "tf.function compiles",
    "tpu": "Pronghorn runs on the cores of one machine",
    "profiler": "use model.profile",
    "hessians": "use tf.GradientTape",
    "autodiff": "use tf.GradientTape; a tape within another has second derivatives",
    "ExponentialMovingAverage": "give a Keras optimizer use_ema=True",
    "fingerprint": "use tf.strings.to_hash_bucket_fast",
    "SparseFeature": "use tf.io.VarLenFeature",
    "decode_proto": (
        "messages need their descriptions, which come with the protobuf package; parse them in Python by the classes "
        "that protoc makes, within tf.py_function or a generator of tf.data"
    ),
    "encode_proto": (
        "messages need their descriptions, which come with the protobuf package; write them in Python by the classes "
        "that protoc makes"
    ),
}
