"""Random models, trained beside Keras on JAX: of 5 to 40 layers, and such as users write themselves.

A model is plain data (`spec`), drawn from a seed. Two families of them are there:

- Graphs of layers (`generate`, from the menus in `layer_menu` and `training_menu`). Both libraries build them and train
  them (`run`); what they give is compared, and what differs is judged by how far rounding alone could have moved it
  (`compare`).
- What users write (`written`, of the classes in `written_layers`): subclassed layers and models, training steps, masked
  filters, losses that they add, over data with sentinels. Ours is trained, and each element of what it gives is
  measured beside Keras's own program in float64 (`beside_float64`; `rounding` has the measure, `primitives` the
  operations).

A failing model is made smaller by `reduce`. By hand, from ``tests/programs``:

    python -m random_models --seeds 0 1000 --jobs 2
    python -m random_models --seeds 0 1000 --written
"""
