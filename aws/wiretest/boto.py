"""Send every operation that botocore knows, with random contents, to the echo
server that boto_test.go runs, and compare both ways; then let it answer every
error of the models, and look for the exception and the status.

Usage: boto.py ENDPOINT EXCHANGES SEED SERVICE...

A SERVICE is botocore's name, or name:protocol to make the client speak another
of its protocols, or name:protocol:operation,operation for some of them, with an
empty protocol for the usual one. EXCHANGES is a URL that gives, by request id, what the server
read and answered, by Go field names; the header Echo-Exception asks it for an
error. Prints a line per difference, then a count.
"""

import base64
import datetime
import http.client
import json
import math
import random
import sys
import urllib.parse

import botocore.client
import botocore.exceptions
import botocore.session

# What botocore makes more of than a value, by operation and member.
LEFT_OUT = {
    ("PutEvents", "EndpointId"): "it becomes a host name",
    ("CreateLaunchConfiguration", "UserData"): "it is base64 in the SDK for Go, and encoded by botocore",
    ("RunInstances", "UserData"): "as above",
}

LETTERS = list("abcDE01-_./+%&=;<>\"'\\") + ["ü", "😀", "é", " "]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
DEPTH = 4


class Filler:
    """Makes random parameters for a shape of the model."""

    def __init__(self, seed, operation, form):
        self.random = random.Random(seed)
        self.operation = operation
        self.form = form  # a form cannot say that something is empty
        self.within = []  # the structures being made

    def make(self, shape, depth=0):
        return getattr(self, shape.type_name, self.number)(shape, depth)

    def structure(self, shape, depth):
        if getattr(shape, "is_document_type", False):
            return {"a": [1, 2.5, True, None, {}], "b": "x"}
        self.within.append(shape.name)
        required = shape.required_members
        names = [
            n
            for n, member in shape.members.items()
            if (self.operation, n) not in LEFT_OUT
            and (n in required or innermost(member).name not in self.within)
        ]
        if getattr(shape, "is_tagged_union", False):
            names = [self.random.choice(names)]
        elif depth >= DEPTH:
            names = required or names[: 1 if self.form else 0]
        made = {name: self.make(shape.members[name], depth + 1) for name in names}
        self.within.pop()
        return made

    def list(self, shape, depth):
        low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 2)
        count = max(low, min(high, self.random.randint(1 if self.form else 0, 2)))
        return [self.make(shape.member, depth + 1) for _ in range(count)]

    def map(self, shape, depth):
        count = self.random.randint(1 if self.form else 0, 2)
        return {self.make(shape.key): self.make(shape.value, depth + 1) for _ in range(count)}

    def string(self, shape, depth):
        if getattr(shape, "enum", None):
            return self.random.choice(shape.enum)
        low = max(1, shape.metadata.get("min", 1))
        return "x" + "".join(self.random.choice(LETTERS) for _ in range(low + self.random.randint(0, 6) - 1)) + "x" * (low > 1)

    def blob(self, shape, depth):
        return self.random.randbytes(max(self.random.randint(1, 20), shape.metadata.get("min", 1)))

    def timestamp(self, shape, depth):
        # Whole seconds: botocore cuts off the rest in JSON.
        return EPOCH + datetime.timedelta(seconds=self.random.randrange(4 * 10**9))

    def boolean(self, shape, depth):
        return self.random.random() < 0.5

    def number(self, shape, depth):
        low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 2**31 - 1)
        if shape.type_name in ("float", "double"):
            return low + self.random.randrange(1000) / 8
        return self.random.randint(int(low), int(min(high, 2**31 - 1)))


def innermost(shape):
    """Return the shape of what lists and maps hold."""
    while shape.type_name in ("list", "map"):
        shape = shape.member if shape.type_name == "list" else shape.value
    return shape


def compare(shape, value, go, path, problems):
    """Note where value, as botocore has it, differs from go, as the server has it."""
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        if not value and not go:
            return
        if not isinstance(value, dict) or not isinstance(go, dict):
            problems.append(f"{path}: {value!r} and {go!r}")
            return
        for name, member in shape.members.items():
            field = name[0].upper() + name[1:]
            theirs = go.get(field, go.get(field + "_"))
            compare(member, value.get(name), theirs, f"{path}.{name}", problems)
    elif kind == "list":
        if len(value or []) != len(go or []):
            problems.append(f"{path}: {value!r} and {go!r}")
            return
        for i, (mine, theirs) in enumerate(zip(value or [], go or [])):
            compare(shape.member, mine, theirs, f"{path}[{i}]", problems)
    elif kind == "map":
        if (value or {}).keys() != (go or {}).keys():
            problems.append(f"{path}: {value!r} and {go!r}")
            return
        for key in value or {}:
            compare(shape.value, value[key], go[key], f"{path}[{key}]", problems)
    else:
        if isinstance(value, datetime.datetime):
            value = round((value - EPOCH) / datetime.timedelta(milliseconds=1))
        if isinstance(value, (bytes, bytearray)):
            value = base64.b64encode(value).decode()
        if isinstance(value, float) and isinstance(go, (int, float)) and math.isclose(value, go, rel_tol=1e-6):
            return
        if (value or None) != (go or None):  # a zero may be absent
            problems.append(f"{path}: {value!r} and {go!r}")


def client_for(service, endpoint):
    """Return a client of service, and the operations to send.

    There are none where this botocore does not know the protocol of service.
    """
    service, protocol, chosen = (service.split(":") + ["", ""])[:3]
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model
    metadata = load(service, "service-2")["metadata"]
    if protocol and protocol not in metadata.get("protocols", [metadata["protocol"]]):
        return None, []

    def load_service_model(name, kind, *args, **kwargs):
        model = load(name, kind, *args, **kwargs)
        if protocol and kind == "service-2":
            model["metadata"].update(protocol=protocol, protocols=[protocol])
            for name, operation in model["operations"].items():
                if protocol == "query" and "output" in operation:
                    operation["output"]["resultWrapper"] = name + "Result"
        return model

    loader.load_service_model = load_service_model
    client = session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        config=botocore.client.Config(
            inject_host_prefix=False, retries={"max_attempts": 0}, parameter_validation=True
        ),
    )
    known = client.meta.service_model.operation_names
    return client, chosen.split(",") if chosen else known


def exchange(connection, request_id):
    connection.request("GET", "/" + request_id)
    return json.load(connection.getresponse())


def check(client, connection, model, seed):
    """Call one operation; return what went wrong."""
    service = model.service_model
    protocol = getattr(service, "resolved_protocol", service.metadata["protocol"])
    form = protocol in ("query", "ec2", "rest-json")
    sent = Filler(seed, model.name, form).make(model.input_shape) if model.input_shape else {}
    try:
        received = client._make_api_call(model.name, sent)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as e:
        return [str(e)]
    go = exchange(connection, received.pop("ResponseMetadata")["HTTPHeaders"]["x-amzn-requestid"])
    problems = []
    if model.input_shape:
        compare(model.input_shape, sent, go["In"], "input", problems)
    if model.output_shape:
        compare(model.output_shape, received, go["Out"], "output", problems)
    return problems


def check_errors(client):
    """Let each error of a service be answered once; return how many, and what went wrong."""
    model = client.meta.service_model
    asked, problems = {}, []
    client.meta.events.register(
        "before-call", lambda params, **_: params["headers"].update({"Echo-Exception": asking})
    )
    for name in model.operation_names:
        operation = model.operation_model(name)
        for shape in operation.error_shapes:
            asked.setdefault(shape.name, (operation, shape))
    for asking, (operation, shape) in asked.items():
        sent = Filler(asking, operation.name, True).make(operation.input_shape) if operation.input_shape else {}
        try:
            client._make_api_call(operation.name, sent)
            problems.append(f"{asking}: no error")
        except botocore.exceptions.ClientError as e:
            status = e.response["ResponseMetadata"]["HTTPStatusCode"]
            wanted = shape.metadata.get("error", {}).get("httpStatusCode", status)
            # CloudWatch has two exceptions with one code.
            names = [name for name, (_, other) in asked.items() if other.error_code == shape.error_code]
            message = e.response["Error"].get("Message")
            if type(e).__name__ not in names or message != "because <of & that>" or status != wanted:
                problems.append(f"{asking}: {type(e).__name__} {status} {e}")
    return len(asked), problems


def main(endpoint, exchanges, seed, services):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(exchanges).netloc)
    count, errors, unknown = 0, 0, []
    for service in services:
        client, names = client_for(service, endpoint)
        if not names:
            unknown.append(service)
        service = service.partition("::")[0]
        for name in names:
            model = client.meta.service_model.operation_model(name)
            if model.has_event_stream_output or model.has_event_stream_input:
                continue
            count += 1
            for problem in check(client, connection, model, f"{seed}.{service}.{name}")[:3]:
                print(f"{service}.{name}: {problem}")
        if client and names is client.meta.service_model.operation_names:
            asked, problems = check_errors(client)
            errors += asked
            for problem in problems:
                print(f"{service}: {problem}")
    print(f"{count} operations, {errors} errors; botocore {botocore.__version__} does not know {unknown}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
