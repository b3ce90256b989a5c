"""Random numbers from a counter-based generator: the same seed gives the same numbers, on any number of threads."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "SeedGenerator": ".seed_generator",
        "beta": ".distributions",
        "binomial": ".distributions",
        "categorical": ".random",
        "dropout": ".random",
        "gamma": ".distributions",
        "normal": ".random",
        "randint": ".random",
        "shuffle": ".random",
        "truncated_normal": ".random",
        "uniform": ".random",
    },
)
