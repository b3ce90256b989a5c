"""Names below `tensorflow.python` that libraries import, though they are private, and what each leads to.

Most are public, too, and are then found where the public name is. What is not in these tables raises an error, as any
name that is not there does.
"""

from __future__ import annotations

#: What a module below `tensorflow` has: the names of those public ones of ours, the first that has one.
SAME_AS: dict[str, tuple[str, ...]] = {
    "python": (),
    "python.eager": (),
    "python.eager.backprop": ("",),
    "python.eager.context": (),
    "python.eager.def_function": ("",),
    "python.framework": (),
    "python.framework.config": ("config",),
    "python.framework.constant_op": ("",),
    "python.framework.dtypes": ("dtypes",),
    "python.framework.errors": ("errors",),
    "python.framework.errors_impl": ("errors",),
    "python.framework.ops": ("",),
    "python.framework.random_seed": ("random", "compat.v1"),
    "python.framework.smart_cond": (),
    "python.framework.sparse_tensor": ("sparse", ""),
    "python.framework.tensor_shape": ("",),
    "python.framework.tensor_spec": ("",),
    "python.framework.tensor_util": ("", "compat.v1"),
    "python.ops": (),
    "python.ops.array_ops": ("", "compat.v1"),
    "python.ops.check_ops": ("debugging", "compat.v1"),
    "python.ops.clip_ops": ("",),
    "python.ops.cond": ("",),
    "python.ops.control_flow_ops": ("", "debugging"),
    "python.ops.gen_sparse_ops": (),
    "python.ops.image_ops": ("image",),
    "python.ops.init_ops_v2": ("keras.initializers",),
    "python.ops.linalg": (),
    "python.ops.linalg.sparse": (),
    "python.ops.linalg.sparse.sparse": (),
    "python.ops.linalg_ops": ("linalg",),
    "python.ops.lookup_ops": ("lookup",),
    "python.ops.math_ops": ("math", ""),
    "python.ops.nn": ("nn",),
    "python.ops.nn_ops": ("nn",),
    "python.ops.random_ops": ("random",),
    "python.ops.sparse_ops": ("sparse",),
    "python.ops.state_ops": ("compat.v1",),
    "python.ops.string_ops": ("strings",),
    "python.ops.tensor_array_ops": ("",),
    "python.ops.variables": ("",),
    "python.ops.while_loop": ("",),
    "python.platform": (),
    "python.platform.gfile": ("io.gfile",),
    "python.platform.tf_logging": ("logging",),
    "python.types": (),
    "python.types.core": ("",),
    "python.util": (),
    "python.util.deprecation": (),
    "python.util.nest": ("nest",),
    "__internal__": (),
    "__internal__.smart_cond": (),
}

#: What has no public name: as `names.WRITTEN_OUT`.
WRITTEN_OUT: dict[str, dict[str, str]] = {
    "python.eager.context": {"program.functions": "executing_eagerly", "math.random": "global_seed"},
    "python.framework.config": {
        "program.functions": (
            "disable_op_determinism:nothing enable_op_determinism:nothing is_op_determinism_enabled:always"
        ),
    },
    "python.framework.ops": {
        "program.functions": (
            "colocate_with:any_scope executing_eagerly_outside_functions:executing_eagerly get_default_graph:nothing"
        ),
    },
    "python.framework.smart_cond": {"program.functions": "smart_cond smart_constant_value"},
    "__internal__.smart_cond": {"program.functions": "smart_cond"},
    "python.ops.gen_sparse_ops": {"rows.sparse": "sparse_reorder"},
    "python.ops.linalg.sparse.sparse": {"rows.products": "CSRSparseMatrix matmul"},
    "python.util.deprecation": {"program.functions": "silence"},  # TensorBoard reads by it
}
