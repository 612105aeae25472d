#!/usr/bin/env python3
"""Renders each overlay with `kubectl kustomize` and looks for what a cluster would refuse, or would be wrong
with siding: unknown fields, wrong types, names that lead nowhere, probes that kill, rights that are too wide.

    docker/kubernetes/check.py [SIDING_BINARY]

Needs kubectl (1.27 or later) and python3-yaml. Exit code 1 and one line a fault: OVERLAY: KIND/NAME: PATH: what.
With the binary the configuration in the ConfigMap goes through `siding check`, too.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent

# The fields of the Kubernetes API that these manifests use: a type, [items], {"*": values} or {name: ...};
# "name!" must be there. What is not here is a mistake, or belongs here.
META = {"name!": "name", "namespace": "name", "labels": {"*": str}, "annotations": {"*": str}}
SELECTOR = {"matchLabels": {"*": str}}
HTTP_GET = {"path": str, "port!": "port", "scheme": str, "host": str}
PROBE = {"httpGet": HTTP_GET, "tcpSocket": {"port!": "port"}, "exec": {"command": [str]},
         "initialDelaySeconds": int, "periodSeconds": int, "timeoutSeconds": int, "failureThreshold": int,
         "successThreshold": int}
HANDLER = {"httpGet": HTTP_GET, "exec": {"command": [str]}}
CONTAINER = {
    "name!": "name", "image!": str, "imagePullPolicy": str, "command": [str], "args": [str],
    "restartPolicy": str,
    "env": [{"name!": str, "value": str, "valueFrom": {"secretKeyRef": {"name!": "name", "key!": str}}}],
    "ports": [{"name": "name", "containerPort!": int, "protocol": str}],
    "startupProbe": PROBE, "livenessProbe": PROBE, "readinessProbe": PROBE,
    "lifecycle": {"preStop": HANDLER, "postStart": HANDLER},
    "resources": {"requests": {"*": "quantity"}, "limits": {"*": "quantity"}},
    "securityContext": {"allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool,
                        "capabilities": {"drop": [str], "add": [str]}},
    "volumeMounts": [{"name!": "name", "mountPath!": str, "readOnly": bool, "subPath": str}],
}
POD = {
    "automountServiceAccountToken": bool, "serviceAccountName": "name", "terminationGracePeriodSeconds": int,
    "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "runAsGroup": int, "fsGroup": int,
                        "seccompProfile": {"type!": str}},
    "initContainers": [CONTAINER], "containers!": [CONTAINER],
    "volumes": [{"name!": "name", "configMap": {"name!": "name"}, "secret": {"secretName!": "name"},
                 "emptyDir": {"sizeLimit": "quantity", "medium": str}}],
}
POLICY_PORT = {"port": "port", "protocol": str}
PEER = {"namespaceSelector": SELECTOR, "podSelector": SELECTOR}
KINDS = {
    ("apps/v1", "Deployment"): {"spec!": {
        "replicas": int, "selector!": SELECTOR,
        "strategy": {"type": str, "rollingUpdate": {"maxSurge": "count", "maxUnavailable": "count"}},
        "template!": {"metadata": {"labels": {"*": str}, "annotations": {"*": str}}, "spec!": POD}}},
    ("v1", "Service"): {"spec!": {"type": str, "selector": {"*": str}, "ports!": [
        {"name": "name", "port!": int, "targetPort": "port", "protocol": str}]}},
    ("v1", "ConfigMap"): {"data": {"*": str}},
    ("v1", "Secret"): {"type": str, "stringData": {"*": str}, "data": {"*": str}},
    ("networking.k8s.io/v1", "NetworkPolicy"): {"spec!": {
        "podSelector!": SELECTOR, "policyTypes": [str],
        "ingress": [{"from": [PEER], "ports": [POLICY_PORT]}],
        "egress": [{"to": [PEER], "ports": [POLICY_PORT]}]}},
    ("policy/v1", "PodDisruptionBudget"): {"spec!": {
        "maxUnavailable": "count", "minAvailable": "count", "selector!": SELECTOR}},
    ("autoscaling/v2", "HorizontalPodAutoscaler"): {"spec!": {
        "scaleTargetRef!": {"apiVersion!": str, "kind!": str, "name!": "name"},
        "minReplicas": int, "maxReplicas!": int,
        "metrics": [{"type!": str, "pods": {"metric!": {"name!": str}, "target!": {
            "type!": str, "averageValue!": "quantity"}}}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": int}}}},
    ("monitoring.coreos.com/v1", "PodMonitor"): {"spec!": {
        "selector!": SELECTOR,
        "podMetricsEndpoints!": [{"port!": "name", "path": str, "interval": str}]}},
}
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|Ki|Mi|Gi)?\Z")


def fits(kind, value):
    if kind == "name":
        return isinstance(value, str) and NAME.match(value) and len(value) <= 253
    if kind == "port":
        return isinstance(value, int) and 0 < value < 65536 or isinstance(value, str) and NAME.match(value)
    if kind == "count":
        return isinstance(value, int) or isinstance(value, str) and re.match(r"[0-9]+%\Z", value)
    if kind == "quantity":
        return QUANTITY.match(str(value))
    return type(value) is kind


def shape(value, schema, path):
    """Faults of one value against its schema."""
    if isinstance(schema, list):
        if not isinstance(value, list):
            yield path, "is to be a list"
            return
        for i, item in enumerate(value):
            yield from shape(item, schema[0], "%s[%d]" % (path, i))
    elif isinstance(schema, dict):
        if not isinstance(value, dict):
            yield path, "is to be a table of fields"
            return
        known = {key.rstrip("!"): kind for key, kind in schema.items()}
        for key, item in value.items():
            if "*" in known:
                yield from shape(item, known["*"], "%s.%s" % (path, key))
            elif key in known:
                yield from shape(item, known[key], "%s.%s" % (path, key))
            else:
                yield "%s.%s" % (path, key), "no such field; there are: " + ", ".join(sorted(known))
        for key in schema:
            if key.endswith("!") and key[:-1] not in value:
                yield path, "lacks `%s`" % key[:-1]
    elif not fits(schema, value):
        yield path, "%r is no %s" % (value, schema if isinstance(schema, str) else schema.__name__)


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


class Manifests:
    """Those of one rendered overlay, as `kubectl apply` would send them."""

    def __init__(self, docs):
        self.docs = [doc for doc in docs if doc]

    def of(self, kind):
        return [doc for doc in self.docs if doc.get("kind") == kind]

    def named(self, kind, name):
        return any(doc["metadata"]["name"] == name for doc in self.of(kind))

    def faults(self):
        for doc in self.docs:
            where = "%s/%s" % (doc.get("kind"), doc.get("metadata", {}).get("name"))
            schema = KINDS.get((doc.get("apiVersion"), doc.get("kind")))
            if schema is None:
                yield where, "", "unknown apiVersion %s of this kind" % doc.get("apiVersion")
                continue
            whole = {"apiVersion!": str, "kind!": str, "metadata!": META, **schema}
            broken = list(shape(doc, whole, ""))
            for path, what in broken:
                yield where, path, what
            if not broken:
                for path, what in getattr(self, "look_at_" + doc["kind"].lower(), lambda _: ())(doc):
                    yield where, path, what

    def look_at_deployment(self, doc):
        template, pod = doc["spec"]["template"], doc["spec"]["template"]["spec"]
        labels = template.get("metadata", {}).get("labels", {})
        if not matches(doc["spec"]["selector"], labels):
            yield ".spec.selector", "does not select the pods of its own template"
        volumes = {v["name"]: v for v in pod.get("volumes", [])}
        for name, volume in volumes.items():
            if "configMap" in volume and not self.named("ConfigMap", volume["configMap"]["name"]):
                yield "volume " + name, "there is no ConfigMap of that name here"
            if "secret" in volume and not self.named("Secret", volume["secret"]["secretName"]):
                yield "volume " + name, "there is no Secret of that name here"
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield "volume " + name, "an emptyDir without sizeLimit may fill the disk of the node"
        context = pod.get("securityContext", {})
        if not context.get("runAsNonRoot") or context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield "securityContext", "is to say runAsNonRoot and seccompProfile RuntimeDefault"
        all_containers = pod.get("initContainers", []) + pod["containers"]
        for container in all_containers:
            yield from self.look_at_container(container, volumes, all_containers)
        for container in pod.get("initContainers", []):
            if container.get("restartPolicy") != "Always":
                yield container["name"], "an init container that is a sidecar needs restartPolicy: Always"
        for container in pod["containers"]:
            if "restartPolicy" in container:
                yield container["name"], "restartPolicy is for init containers"

    def look_at_container(self, container, volumes, others):
        name = "container " + container["name"]
        mine = {p.get("name") for p in container.get("ports", [])} | {
            p["containerPort"] for p in container.get("ports", [])}
        everybodys = {p["containerPort"] for c in others for p in c.get("ports", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield name, "mounts %s, which is no volume of the pod" % mount["name"]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container.get(kind, {})
            port = (probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")
            if port is not None and port not in mine:
                yield "%s.%s" % (name, kind), "port %s is none of its ports" % port
            if container["name"] != "siding" and probe and (kind != "startupProbe" or "tcpSocket" not in probe):
                yield ("%s.%s" % (name, kind), "waits behind the one busy worker, and has the pod killed under "
                       "load: a tcpSocket startupProbe is the only one that an application may have")
        port = container.get("lifecycle", {}).get("preStop", {}).get("httpGet", {}).get("port")
        if port is not None and port not in mine | everybodys:
            yield name + ".lifecycle.preStop", "port %s is no port of the pod (a name must be its own)" % port
        rights = container.get("securityContext", {})
        if (rights.get("allowPrivilegeEscalation") is not False or not rights.get("readOnlyRootFilesystem")
                or rights.get("capabilities", {}).get("drop") != ["ALL"]):
            yield name + ".securityContext", "is to give up all rights, and to write nowhere but to its volumes"
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield name + ".resources", "has no limit of memory, from which siding takes its budgets"

    def pods_of(self, labels):
        return [doc["spec"]["template"] for doc in self.of("Deployment")
                if matches({"matchLabels": labels}, doc["spec"]["template"]["metadata"].get("labels", {}))]

    def ports_of(self, pod):
        spec = pod["spec"]
        ports = [p for c in spec.get("initContainers", []) + spec["containers"] for p in c.get("ports", [])]
        return {p.get("name") for p in ports} | {p["containerPort"] for p in ports}

    def look_at_ports(self, labels, wanted, path):
        pods = self.pods_of(labels)
        if not pods:
            yield path, "selects no pod"
        for pod in pods:
            for port in wanted:
                if port not in self.ports_of(pod):
                    yield path, "port %s is no port of its pods" % port

    def look_at_service(self, doc):
        yield from self.look_at_ports(doc["spec"].get("selector", {}), [
            p.get("targetPort", p["port"]) for p in doc["spec"]["ports"]], ".spec.ports")

    def look_at_networkpolicy(self, doc):
        yield from self.look_at_ports(doc["spec"]["podSelector"].get("matchLabels", {}), [
            p["port"] for rule in doc["spec"].get("ingress", []) for p in rule.get("ports", [])], ".spec.ingress")

    def look_at_poddisruptionbudget(self, doc):
        yield from self.look_at_ports(doc["spec"]["selector"].get("matchLabels", {}), [], ".spec.selector")

    def look_at_podmonitor(self, doc):
        yield from self.look_at_ports(doc["spec"]["selector"].get("matchLabels", {}), [
            e["port"] for e in doc["spec"]["podMetricsEndpoints"]], ".spec.podMetricsEndpoints")

    def look_at_horizontalpodautoscaler(self, doc):
        target = doc["spec"]["scaleTargetRef"]
        if not self.named(target["kind"], target["name"]):
            yield ".spec.scaleTargetRef", "there is no %s %s here" % (target["kind"], target["name"])

    def configuration_faults(self, binary):
        """`siding check` on what the pods will read; the files of secrets stand where it can see them."""
        for doc in self.of("ConfigMap"):
            for name, text in doc["data"].items():
                if not name.endswith(".toml"):
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    for secret in self.of("Secret"):
                        for key, value in secret.get("stringData", {}).items():
                            pathlib.Path(folder, key).write_text(value)
                    file = pathlib.Path(folder, name)
                    file.write_text(text.replace("/run/secrets/siding", folder))
                    done = subprocess.run([binary, "check", str(file)], text=True, capture_output=True)
                    if done.returncode != 0:
                        what = done.stderr.replace(folder + "/", "").strip()
                        yield "ConfigMap/" + doc["metadata"]["name"], name, what


def render(folder):
    argv = ["kubectl", "kustomize", str(folder)]
    try:
        done = subprocess.run(argv, text=True, capture_output=True)
    except FileNotFoundError:
        sys.exit("check.py: there is no kubectl; https://kubernetes.io/docs/tasks/tools tells how to get it")
    if done.returncode != 0:
        sys.exit("check.py: %s: %s" % (" ".join(argv), done.stderr.strip()))
    return Manifests(yaml.safe_load_all(done.stdout))


def variants():
    """Each overlay, alone and with each component, as its users write that: a name and what it renders to."""
    for overlay in sorted(file.parent for file in (HERE / "overlays").glob("*/kustomization.yaml")):
        yield overlay.name, render(overlay)
        for component in sorted(file.parent for file in (HERE / "components").glob("*/kustomization.yaml")):
            with tempfile.TemporaryDirectory(dir=overlay.parent) as folder:
                pathlib.Path(folder, "kustomization.yaml").write_text(yaml.safe_dump({
                    "resources": ["../" + overlay.name], "components": ["../../components/" + component.name]}))
                yield "%s with %s" % (overlay.name, component.name), render(folder)


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else None
    count = faults = 0
    for name, manifests in variants():
        found = list(manifests.faults())
        if binary:
            found += manifests.configuration_faults(binary)
        for where, path, what in found:
            print("%s: %s: %s: %s" % (name, where, path, what))
        print("%s: %d manifests, %d faults" % (name, len(manifests.docs), len(found)))
        count += len(manifests.docs)
        faults += len(found)
    return 0 if count and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
