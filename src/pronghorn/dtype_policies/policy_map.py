"""`DTypePolicyMap`: policies by the path of the layer."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from pronghorn.dtype_policies import policy as policies
from pronghorn.serialization import budget
from pronghorn.serialization.objects import serialize_keras_object


class DTypePolicyMap(MutableMapping):
    """Policies for layers, by path or by a pattern of paths; the default policy for all others.

    Args:
        default_policy: the policy of paths that are not in the map; the global one if None.
        policy_map: paths, or regular expressions of paths, and their policies.

    Example:

    >>> found = DTypePolicyMap("float32", {"decoder/.*": policies.DTypePolicy("bfloat16")})
    >>> found["decoder/dense"].name, found["encoder/dense"].name
    ('bfloat16', 'float32')
    """

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None) -> None:
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("DTypePolicyMap: `default_policy` is one policy, and no map of them.")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(f"DTypePolicyMap: `policy_map` must be a dict, got {policy_map!r}.")
        self._default_given = default_policy
        self._default = policies.get(default_policy)
        self._policies: dict[str, Any] = dict(policy_map or {})
        self._of_a_file = budget.loading()
        for pattern in self._policies:
            budget.check_pattern(pattern)

    def convert_input(self, x: Any, autocast: bool, dtype: str) -> Any:
        """``x`` as a tensor, as the default policy makes it; see `DTypePolicy.convert_input`."""
        return self._default.convert_input(x, autocast, dtype)

    @property
    def name(self) -> str:
        return f"map_{self.default_policy.name}"

    @property
    def default_policy(self) -> Any:
        """The policy of paths that are not in the map."""
        return self._default

    @property
    def compute_dtype(self) -> str:
        return self._default.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self._default.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        return self._default.quantization_mode

    def __getitem__(self, key: str) -> Any:
        if key in self._policies:
            return self._policies[key]
        if self._of_a_file:
            budget.check_path(key)
        matches = [k for k in self._policies if re.fullmatch(k, key)]
        if len(matches) > 1:
            raise ValueError(f"DTypePolicyMap: the path {key!r} matches {len(matches)} of its patterns: {matches}.")
        return self._policies[matches[0]] if matches else self._default

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._policies:
            raise ValueError(f"DTypePolicyMap: {key!r} is in the map already; delete it first.")
        if not isinstance(policy, policies.DTypePolicy):
            raise ValueError(f"DTypePolicyMap: the policy of {key!r} must be a DTypePolicy, got {policy!r}.")
        self._policies[key] = policy

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def get_config(self) -> dict[str, Any]:
        table = {k: serialize_keras_object(v) for k, v in self._policies.items()}
        if self._default_given is not None:
            return {"default_policy": serialize_keras_object(self._default), "policy_map": table}
        for policy in table.values():  # as in Keras: all types are those of the policy in force where this is loaded
            policy["config"]["source_name" if "source_name" in policy["config"] else "name"] = None
        return {"default_policy": None, "policy_map": table}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicyMap:
        table = {k: policies.deserialize(v, custom_objects) for k, v in (config.get("policy_map") or {}).items()}
        default = config.get("default_policy")
        return cls(policies.deserialize(default) if isinstance(default, dict) else default, table)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DTypePolicyMap) and self._default == other._default and self._policies == other._policies
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self._policies.items()]
        return f"<DTypePolicyMap at {hex(id(self))} default_policy={self._default!r}, mapping={mapping}>"
