"""From `compile`'s `loss`, nested in any way, to terms: which loss is for which part of a model's outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.trainers.outputs import align, are_named
from pronghorn.utils.naming import to_snake_case

Path = tuple[Any, ...]


class UnknownOutputError(KeyError, ValueError):
    """A key of `compile`'s arguments names no output: an error of a key, and of a value."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would show the sentence in quotes


@dataclasses.dataclass
class Term:
    """One loss of the sum.

    Attributes:
        path: where its part of the outputs is.
        spec_path: where it is in what the user gave.
        loss: what the user gave there, which may be None.
        start: the first of the flat outputs that it is for.
        stop: after the last of them.
    """

    path: Path
    spec_path: Path
    loss: Any
    start: int
    stop: int

    @property
    def is_single(self) -> bool:
        """Whether it is for one output, rather than for a container of them."""
        return self.stop - self.start == 1


def is_loss(entry: Any) -> bool:
    """Whether an entry of `compile`'s `loss` is one loss rather than a container of them."""
    if isinstance(entry, dict):
        return "class_name" in entry and "config" in entry
    return entry is None or isinstance(entry, str) or callable(entry)


def object_name(obj: Any) -> str:
    """The name of a loss or a metric in logs."""
    name = getattr(obj, "name", None) or getattr(obj, "__name__", None)
    return to_snake_case(name) if name else to_snake_case(type(obj).__name__)


def loss_terms(spec: Any, y_pred: Any, names: Sequence[str]) -> list[Term]:
    """Take the losses apart.

    One loss is for each of all outputs. A dict has losses for the outputs of its keys, a list or a tuple for each in
    turn, nested as the outputs are; a loss in the place of a container of outputs gets that container. A list in the
    place of a single output, or one that holds a container of losses for what it is the place of, has several losses
    for that part: their sum counts.

    Args:
        spec: what was given to `compile`.
        y_pred: the outputs.
        names: their names, in flat order.

    Raises:
        ValueError: if it does not fit the outputs.
    """
    paths = [path for path, _ in tree.flatten_with_path(y_pred)]
    if is_loss(spec):
        return [Term(path, (), spec, i, i + 1) for i, path in enumerate(paths)]
    if isinstance(spec, dict) and not isinstance(y_pred, dict):
        return _by_name(spec, paths, names)
    found = _walk(spec, y_pred, (), (), names)
    return [Term(path, spec_path, loss, *_leaves_below(path, paths)) for path, spec_path, loss in found]


def _by_name(spec: dict[Any, Any], paths: list[Path], names: Sequence[str]) -> list[Term]:
    """The losses of a dict whose keys are names of outputs that make no dict."""
    unknown = [key for key in spec if key not in names]
    if unknown and len(names) == len(spec) == 1:  # one output whose name nobody chose
        names = list(spec)
    elif unknown:
        raise UnknownOutputError(
            f"compile: `loss` has the keys {_listed(unknown)}, which name no output. Expected keys are the outputs' "
            f"names: {_listed(names)}. Give the output layers these names, or use the names that they have."
        )
    missing = [name for name in names if name not in spec]
    if missing and not unknown:
        raise ValueError(
            f"compile: `loss` has the keys {_listed(spec)}, and none for {_listed(missing)}. Give each output an "
            "entry; None is one for an output that has no loss."
        )
    terms = []
    for key, entry in spec.items():
        position = list(names).index(key)
        for path, spec_path, loss in _walk(entry, None, paths[position], (key,), names):
            terms.append(Term(path, spec_path, loss, position, position + 1))
    return terms


def _walk(spec: Any, y_pred: Any, path: Path, spec_path: Path, names: Sequence[str]) -> list[tuple[Path, Path, Any]]:
    """Triples: where in the outputs, where in what was given, and the loss there."""
    if is_loss(spec):
        return [(path, spec_path, spec)]
    if isinstance(spec, dict):
        _check_keys(spec, y_pred, path)
        parts = [(key, entry, y_pred[key], (*path, key)) for key, entry in spec.items()]
    elif not isinstance(spec, list | tuple):
        raise ValueError(f"compile: `loss` holds {spec!r}, which is neither a loss nor a container of losses.")
    elif not tree.is_nested(y_pred) or _are_alternatives(spec, y_pred):
        parts = [(i, entry, y_pred, path) for i, entry in enumerate(spec)]
    elif isinstance(y_pred, list | tuple) and len(y_pred) == len(spec):
        parts = [(i, entry, part, (*path, i)) for i, (entry, part) in enumerate(zip(spec, y_pred))]
    else:
        below = tree.flatten_with_path(y_pred)
        if len(below) != len(spec):
            raise ValueError(
                f"compile: `loss` has {counted(len(spec), 'entry', 'entries')}{_at(path)}, but the outputs there "
                f"are {len(below)}"
                f" ({', '.join(names)} in all). Pass one entry for each output, in their order, or a dict with the "
                "outputs' names as keys."
            )
        parts = [(i, entry, part, (*path, *own)) for i, (entry, (own, part)) in enumerate(zip(spec, below))]
    return [found for key, entry, part, place in parts for found in _walk(entry, part, place, (*spec_path, key), names)]


def _check_keys(spec: dict[Any, Any], y_pred: Any, path: Path) -> None:
    if not isinstance(y_pred, dict):
        found = (
            f"a {type(y_pred).__name__} of {counted(len(y_pred), 'output')}"
            if tree.is_nested(y_pred)
            else "a single output"
        )
        raise UnknownOutputError(
            f"compile: `loss` has the keys {_listed(spec)}{_at(path)}, but of outputs the model has {found}."
        )
    unknown = [key for key in spec if key not in y_pred]
    if unknown:
        raise UnknownOutputError(
            f"compile: `loss` has keys{_at(path)} of no output: {_listed(unknown)}. "
            f"The outputs there are {_listed(y_pred)}."
        )


def _are_alternatives(spec: Sequence[Any], y_pred: Any) -> bool:
    """Whether a list holds several losses for all of `y_pred`, rather than one for each of its parts."""
    if (isinstance(spec, list) and isinstance(y_pred, list)) or type(spec) is type(y_pred):
        return False
    if not any(not is_loss(entry) and _fits(entry, y_pred) for entry in spec):
        return False
    return not (isinstance(y_pred, list | tuple) and _fits(spec, y_pred))


def _fits(spec: Any, y_pred: Any) -> bool:
    """Whether losses are nested as the outputs are."""
    if is_loss(spec):
        return True
    if isinstance(spec, dict):
        return isinstance(y_pred, dict) and all(key in y_pred and _fits(spec[key], y_pred[key]) for key in spec)
    alike = isinstance(spec, list | tuple) and isinstance(y_pred, list | tuple) and len(spec) == len(y_pred)
    return alike and all(map(_fits, spec, y_pred))


def _leaves_below(path: Path, paths: list[Path]) -> tuple[int, int]:
    below = [i for i, leaf in enumerate(paths) if leaf[: len(path)] == path]
    return below[0], below[-1] + 1


def shown_names(terms: Sequence[Term], y_pred: Any, names: Sequence[str], known: Sequence[str] | None) -> list[str]:
    """The names of terms in logs; outputs without a name of their own are called after their loss.

    Args:
        terms: the terms.
        y_pred: the outputs.
        names: their names, in flat order.
        known: those that the model gave, if it did.
    """
    if are_named(y_pred, known):
        return [_named(term, y_pred, names) for term in terms]
    shown: list[str] = []
    for term in terms:
        own = term.loss if isinstance(term.loss, str) else object_name(term.loss)
        parts = [str(part) for part in term.path]
        if not parts or isinstance(term.path[-1], int):
            parts[-1:] = [own]
        name = "/".join(parts)
        again = sum(other == name or other.startswith(f"{name}_") for other in shown)
        shown.append(f"{name}_{again}" if again else name)
    return shown


def _named(term: Term, y_pred: Any, names: Sequence[str]) -> str:
    if not term.path:
        return "_".join(names[term.start : term.stop])
    parts = [str(part) for part in term.path]
    if term.is_single and isinstance(term.path[-1], int):
        parts[-1] = names[term.start]
    return "/".join(parts)


def term_weights(weights: Any, terms: Sequence[Term], y_pred: Any, names: Sequence[str]) -> list[Any]:
    """The factor of each term.

    Args:
        weights: None, a number, factors nested as the losses are, or as the outputs are.
        terms: all terms, those with no loss too.
        y_pred: the outputs.
        names: their names, in flat order.

    Raises:
        ValueError: if they fit neither.
    """
    if is_weight(weights):
        return [weights] * len(terms)
    given = dict(tree.flatten_with_path(weights))
    spec_paths = {term.spec_path for term in terms}
    if spec_paths == given.keys() or (isinstance(weights, dict) and not given.keys() - spec_paths):
        return [given.get(term.spec_path) for term in terms]
    try:
        aligned = align(weights, y_pred, names, "loss_weights", is_weight)
    except ValueError:
        count = sum(term.loss is not None for term in terms)
        raise ValueError(
            f"compile: `loss_weights` takes one entry for each of the {count} losses, but {weights!r} has "
            f"{len(given)}. Nest the weights as the losses are, or as the outputs are ({', '.join(names)})."
        ) from None
    return [aligned[term.start] if term.is_single else None for term in terms]


def is_weight(entry: Any) -> bool:
    """Whether an entry of `compile`'s `loss_weights` is one weight rather than a container of them."""
    return entry is None or isinstance(entry, int | float) or hasattr(entry, "shape")


def _listed(keys: Any) -> str:
    return ", ".join(map(repr, keys))


def _at(path: Path) -> str:
    return f" at {'/'.join(map(str, path))!r}" if path else ""
