"""JSON as simplejson writes it, for results that hold more than json's own types: Decimal, bytes, named tuples, subclasses."""

import decimal
import json


def encode(value, ensure_ascii):
    text = json.JSONEncoder(ensure_ascii=ensure_ascii).encode
    return "".join(_parts(value, text, set()))


def _parts(value, text, parents):
    scalar = _scalar(value, text)
    if scalar is not None:
        yield scalar
        return
    if id(value) in parents:
        raise ValueError("Circular reference detected")
    parents.add(id(value))
    members = _as_dict(value)
    if members is not None:
        yield from _object(members, text, parents)
    elif isinstance(value, (list, tuple)):
        yield from _array(value, text, parents)
    else:
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    parents.discard(id(value))


def _scalar(value, text):
    """The JSON of a value without members, or None."""
    if value is None or isinstance(value, (bool, str)):
        return text(value)
    if isinstance(value, bytes):
        return text(value.decode("utf-8"))
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return text(float(value))
    if isinstance(value, decimal.Decimal):
        return "NaN" if value.is_nan() else str(value)
    return None


def _as_dict(value):
    """The members of a dict, or of what describes itself as one (a named tuple)."""
    describe = getattr(value, "_asdict", None)
    if callable(describe):
        try:
            members = describe()
        except TypeError:
            members = None
        else:
            if not isinstance(members, dict):
                raise TypeError(f"_asdict() must return a dict, not {type(members).__name__}")
            return members
    return value if isinstance(value, dict) else None


def _array(values, text, parents):
    separator = "["
    for value in values:
        yield separator
        yield from _parts(value, text, parents)
        separator = ", "
    yield "]" if separator == ", " else "[]"


def _object(members, text, parents):
    separator = "{"
    for key, value in members.items():
        yield separator + text(_key(key, text)) + ": "
        yield from _parts(value, text, parents)
        separator = ", "
    yield "}" if separator == ", " else "{}"


def _key(key, text):
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if key is None or isinstance(key, (bool, int, float)):
        return _scalar(key, text)
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")
