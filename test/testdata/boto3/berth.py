"""A client for the control plane that `berth env` names, and what tests share.

Every answer that a client of ours gets is held against botocore's model, which
is AWS's documentation: it has the documented members, of their types, and no
structure that is empty.
"""

import json
import os

import boto3
from botocore.config import Config

# Documented for PutAccountSetting, and missing in the model's enum.
BEYOND_ENUM = ["dualStackIPv6"]

HERE = "arn:aws:ecs:us-east-1:123456789012:"


def client(**config):
    """An ECS client that does not retry."""
    c = boto3.client(
        "ecs",
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],  # clients before 2023 do not look for it
        config=Config(retries={"max_attempts": 0}, **config),
    )
    if hasattr(c, "create_daemon"):  # otherwise its model is older than what we serve
        c.meta.events.register("after-call.ecs.*", _hold_against_model)
    return c


def send(c, operation, body):
    """Send body, bytes as they are, and return the parsed answer and its error code."""
    def replace(params, **_):
        params["body"] = body
    event = "before-call.ecs." + operation
    c.meta.events.register(event, replace)
    try:
        method = next(m for m, op in c.meta.method_to_api_mapping.items() if op == operation)
        return getattr(c, method)(), None
    except c.exceptions.ClientError as e:
        return e.response, e.response["Error"]["Code"]
    finally:
        c.meta.events.unregister(event, replace)


def complaints(value, shape, path=""):
    """What is wrong with value as a document of shape."""
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no structure"]
        if not value and path:
            return [f"{path}: an empty structure, which should be left out"]
        wrong = []
        for name, member in value.items():
            if name not in shape.members:
                wrong.append(f"{path}.{name}: no such member")
            else:
                wrong += complaints(member, shape.members[name], f"{path}.{name}")
        return wrong
    if shape.type_name == "list":
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [c for i, v in enumerate(value) for c in complaints(v, shape.member, f"{path}[{i}]")]
    if shape.type_name == "map":
        return [c for k, v in value.items() for c in complaints(v, shape.value, f"{path}.{k}")]
    if shape.type_name == "string":
        if not isinstance(value, str) or shape.enum and value not in shape.enum + BEYOND_ENUM:
            return [f"{path}: {value!r} is not one of {shape.enum or 'all strings'}"]
        return []
    types = {"integer": int, "long": int, "boolean": bool, "double": (int, float), "float": (int, float), "timestamp": (int, float)}
    if not isinstance(value, types[shape.type_name]) or (shape.type_name != "boolean" and isinstance(value, bool)):
        return [f"{path}: {value!r} is no {shape.type_name}"]
    return []


def _hold_against_model(http_response, model, **_):
    if http_response.status_code != 200:
        return
    if not http_response.headers.get("x-amzn-RequestId"):
        raise AssertionError(f"{model.name}: no request id")
    wrong = complaints(json.loads(http_response.content), model.output_shape)
    if wrong:
        raise AssertionError(f"{model.name}: " + "; ".join(wrong))
