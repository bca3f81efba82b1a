"""Every member of every operation, sent as everything that it is not.

No request, however wrong, gets an answer above 499, and none ends the server.
"""

import json
import unittest

from berth import client, send

WRONG = {
    "string": [1, True, [], {}],
    "integer": ["x", 1.5, [], {}, 2**40],
    "long": ["x", 1.5, [], {}],
    "double": ["x", [], {}],
    "boolean": ["x", 1, [], {}],
    "timestamp": [[], {}],
    "list": ["x", 1, {}],
    "map": ["x", 1, []],
    "structure": ["x", 1, []],
}


class WrongTypes(unittest.TestCase):
    def setUp(self):
        self.ecs = client(parameter_validation=False)

    def test_every_member(self):
        sent = 0
        for operation in self.ecs.meta.service_model.operation_names:
            if send(self.ecs, operation, b"{}")[1] == "UnsupportedOperationException":
                continue  # not built
            for name, shape in self.ecs.meta.service_model.operation_model(operation).input_shape.members.items():
                bodies = [{name: value} for value in WRONG[shape.type_name]]
                if shape.type_name == "list":
                    bodies += [{name: [value]} for value in WRONG[shape.member.type_name]]
                    if shape.member.type_name == "structure":
                        bodies += [{name: [{inner: value}]} for inner, member in shape.member.members.items()
                                   for value in WRONG[member.type_name]]
                if shape.type_name == "structure":
                    bodies += [{name: {inner: value}} for inner, member in shape.members.items()
                               for value in WRONG[member.type_name]]
                for body in bodies:
                    sent += 1
                    answer, code = send(self.ecs, operation, json.dumps(body).encode())
                    if code != "SerializationException" or name not in answer["Error"]["Message"]:
                        self.fail(f"{operation} {body}: {code}: {answer.get('Error', answer)}")
        self.assertGreater(sent, 500)

    def test_null_is_absent(self):
        for operation in "ListClusters", "DescribeClusters", "ListTaskDefinitions", "ListAccountSettings":
            members = self.ecs.meta.service_model.operation_model(operation).input_shape.members
            _, code = send(self.ecs, operation, json.dumps({m: None for m in members}).encode())
            self.assertIsNone(code, operation)


if __name__ == "__main__":
    unittest.main(verbosity=2)
