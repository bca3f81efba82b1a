"""Paginators see everything once, whatever the size of their pages."""

import unittest

from berth import client

MANY = 23


class Paginators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ecs = client()
        for i in range(MANY):
            cls.ecs.create_cluster(clusterName=f"c{i}")
            cls.ecs.register_task_definition(
                family=f"f{i}", containerDefinitions=[{"name": "a", "image": "a", "memory": 64}])
            arn = cls.ecs.register_container_instance(
                cluster="c0", totalResources=[{"name": "CPU", "type": "INTEGER", "integerValue": 1024}]
            )["containerInstance"]["containerInstanceArn"]
            cls.ecs.put_attributes(cluster="c0", attributes=[{"name": "number", "value": str(i), "targetId": arn}])

    def pages(self, operation, member, size, **params):
        pages = list(self.ecs.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **params))
        for page in pages[:-1]:
            self.assertEqual(len(page[member]), size)
        return [repr(item) for page in pages for item in page[member]]

    def test_all(self):
        for operation, member, count, params in [
            ("list_clusters", "clusterArns", MANY, {}),
            ("list_container_instances", "containerInstanceArns", MANY, {"cluster": "c0"}),
            ("list_attributes", "attributes", MANY, {"cluster": "c0", "targetType": "container-instance", "attributeName": "number"}),
            ("list_task_definitions", "taskDefinitionArns", MANY, {}),
            ("list_task_definitions", "taskDefinitionArns", MANY, {"sort": "DESC"}),
            ("list_task_definition_families", "families", MANY, {}),
            ("list_account_settings", "settings", None, {"effectiveSettings": True}),
        ]:
            with self.subTest(operation=operation, **params):
                whole = self.pages(operation, member, 10, **params)
                self.assertEqual(len(set(whole)), count or len(whole))
                for size in 1, 7:
                    self.assertEqual(self.pages(operation, member, size, **params), whole)

    def test_max_items(self):
        paginator = self.ecs.get_paginator("list_clusters")
        first = paginator.paginate(PaginationConfig={"MaxItems": 5, "PageSize": 2}).build_full_result()
        rest = paginator.paginate(PaginationConfig={"StartingToken": first["NextToken"], "PageSize": 100}).build_full_result()
        self.assertEqual(len(first["clusterArns"]), 5)
        self.assertEqual(len(set(first["clusterArns"] + rest["clusterArns"])), MANY)

    def test_changes_between_pages(self):
        """What a token points at may be gone: the rest still comes."""
        self.ecs.create_cluster(clusterName="zz1")
        self.ecs.create_cluster(clusterName="zz2")
        page = self.ecs.list_clusters(maxResults=MANY)
        self.ecs.delete_cluster(cluster="zz1")
        rest = self.ecs.list_clusters(nextToken=page["nextToken"])["clusterArns"]
        self.assertEqual([arn.split("/")[-1] for arn in rest], ["zz2"])
        self.ecs.delete_cluster(cluster="zz2")


if __name__ == "__main__":
    unittest.main(verbosity=2)
