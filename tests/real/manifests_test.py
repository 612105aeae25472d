"""The manifests for Kubernetes, as far as they can be looked at without kubectl: docker/kubernetes/check.py finds
nothing in them, and does find what is planted."""
import copy
import importlib.util
import pathlib
import unittest

import harness
import yaml

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docker" / "kubernetes"


def load_check():
    spec = importlib.util.spec_from_file_location("check", FOLDER / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check = load_check()


def documents():
    """All of the base and of the components, and the ConfigMap that kustomize makes."""
    docs = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "siding"},
             "data": {"siding.toml": (FOLDER / "base" / "siding.toml").read_text()}}]
    for part in (FOLDER / "base", *sorted((FOLDER / "components").iterdir())):
        kustomization = yaml.safe_load((part / "kustomization.yaml").read_text())
        docs += [yaml.safe_load((part / name).read_text()) for name in kustomization["resources"]]
    return docs


class ManifestsTest(unittest.TestCase):
    def setUp(self):
        self.docs = documents()

    def of(self, kind):
        return next(doc for doc in self.docs if doc["kind"] == kind)

    def pod(self):
        return self.of("Deployment")["spec"]["template"]["spec"]

    def container(self, name):
        return next(c for c in self.pod()["containers"] if c["name"] == name)

    def faults(self):
        return ["%s: %s: %s" % fault for fault in check.Manifests(copy.deepcopy(self.docs)).faults()]

    def test_nothing_is_wrong(self):
        self.assertEqual(self.faults(), [])
        found = check.Manifests(self.docs).configuration_faults(str(harness.BINARY))
        self.assertEqual(list(found), [])

    def test_a_field_that_is_misspelt(self):
        self.container("siding")["redinessProbe"] = self.container("siding").pop("readinessProbe")
        self.assertRegex(self.faults()[0], r"containers\[0\]\.redinessProbe: no such field; there are: .*readinessProbe")

    def test_a_type_that_is_wrong(self):
        self.container("shop")["env"][0]["value"] = 8081
        self.assertRegex(self.faults()[0], r"env\[0\]\.value: 8081 is no str")

    def test_what_is_missing(self):
        del self.of("Deployment")["spec"]["selector"]
        self.assertIn("lacks `selector`", self.faults()[0])

    def test_a_port_that_nobody_has(self):
        self.of("Service")["spec"]["ports"][0]["targetPort"] = "web"
        self.assertIn("Service/shop: .spec.ports: port web is no port of its pods", self.faults())

    def test_labels_that_select_nothing(self):
        self.of("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] = "shops"
        self.assertIn("PodDisruptionBudget/shop: .spec.selector: selects no pod", self.faults())

    def test_a_probe_that_kills_under_load(self):
        self.container("shop")["livenessProbe"] = {"httpGet": {"path": "/", "port": "http-direct"}}
        self.assertIn("has the pod killed under load", self.faults()[0])

    def test_a_volume_of_no_secret(self):
        self.docs = [doc for doc in self.docs if doc["kind"] != "Secret"]
        self.assertIn("Deployment/shop: volume siding-secrets: there is no Secret of that name here", self.faults())

    def test_a_disk_without_bounds(self):
        self.pod()["volumes"][2]["emptyDir"] = {}
        self.assertIn("without sizeLimit", self.faults()[0])

    def test_rights_that_are_too_wide(self):
        self.container("siding")["securityContext"] = {"capabilities": {"add": ["NET_ADMIN"]}}
        self.assertIn("is to give up all rights", self.faults()[0])

    def test_a_configuration_that_is_wrong(self):
        config = self.of("ConfigMap")
        config["data"]["siding.toml"] = config["data"]["siding.toml"].replace("concurrency", "concurency")
        found = list(check.Manifests(self.docs).configuration_faults(str(harness.BINARY)))
        self.assertEqual(found[0][:2], ("ConfigMap/siding", "siding.toml"))
        self.assertIn("concurency", found[0][2])


if __name__ == "__main__":
    unittest.main()
