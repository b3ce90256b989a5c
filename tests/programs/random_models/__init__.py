"""Random models of 5 to 40 layers, trained beside Keras on JAX.

A model is plain data (`spec`), drawn from a seed (`generate`, from the menus in `layer_menu` and `training_menu`).
Both libraries build it and train it (`run`); what they give is compared, and what differs is judged by how far rounding
alone could have moved it (`compare`). A failing model is made smaller by `reduce`. By hand, from ``tests/programs``:

    python -m random_models --seeds 0 1000 --jobs 2
"""
