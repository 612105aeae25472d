#!/usr/bin/env python3
"""Builds the images from what is committed and runs the pod of docker/kubernetes by podman, without a registry and
without a cluster: 100 distinct requests at once, and a stop under load.

    ./dev pod            installs buildah, podman and the like first; as root; some six minutes, 2 GB of disk
    docker/pod.py [--base IMAGE]

The base image is made by debootstrap from the machine's mirror; with --base it is one that podman can pull. Of the
manifests of the overlay "container" this changes what podman has no use for: published ports; and probes, for which
it wants a shell and curl in the image. Whether siding is well is asked by `siding health` in its container. The slow
service is a third container. The exit code is 1 if a request failed, or if one was not answered by exactly one call.
"""
import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docker" / "kubernetes"), str(ROOT / "tests" / "real")]
import check  # noqa: E402: the path comes first
import load  # noqa: E402

MUSIC_PORT = 9000
REQUESTS = 100
DRAIN_DELAY = 5  # s, as the ConfigMap says
BASE = "docker.io/library/debian:bookworm-slim"


class Engine:
    """buildah and podman with a store of their own in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        files = {
            "storage.conf": '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/store"\n' % (folder, folder),
            "registries.conf": 'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "permissive"\n',
            # The limits of this process: more than those the runtime may not give.
            "containers.conf": '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n'
                               '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'}
        for name, text in files.items():
            (folder / name).write_text(text)
        self.environment = dict(
            os.environ, CONTAINERS_STORAGE_CONF=str(folder / "storage.conf"),
            CONTAINERS_REGISTRIES_CONF=str(folder / "registries.conf"), CONTAINERS_CONF=str(folder / "containers.conf"))

    def run(self, *argv, check=True, **options):
        done = subprocess.run([str(a) for a in argv], env=self.environment, text=True, capture_output=True, **options)
        if check and done.returncode != 0:
            sys.exit("%s: exit code %d\n%s" % (" ".join(map(str, argv)), done.returncode,
                                               (done.stdout + done.stderr)[-4000:]))
        return done

    def make_base(self):
        root = self.folder / "root"
        self.run("debootstrap", "--variant=minbase", "bookworm", root)
        shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
        for source in pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"):
            shutil.copy(source, root / "etc/apt/sources.list.d")
        archive = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
        self.run("podman", "import", "-c", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "-c", 'CMD ["bash"]', "-", BASE, stdin=archive.stdout)
        archive.wait()
        shutil.rmtree(root)

    def build(self, name, dockerfile, context, base):
        self.run("buildah", "bud", "--isolation", "chroot", "--storage-driver", "vfs", "--build-arg", "DEBIAN=" + base,
                 "-t", "localhost/%s:latest" % name, "-f", context / dockerfile, context)
        size = self.run("podman", "image", "inspect", "-f", "{{.Size}}", "localhost/%s:latest" % name).stdout
        print("  image %s: %.1f MiB" % (name, int(size) / 2**20), flush=True)


def pod_of_the_manifests():
    """What `podman play kube` runs: the Deployment's pod, its ConfigMap and, as another one, its Secret."""
    manifests = check.render(ROOT / "docker" / "kubernetes" / "overlays" / "container")
    config, secret, deployment = (manifests.of(kind)[0] for kind in ("ConfigMap", "Secret", "Deployment"))
    for name, text in config["data"].items():
        config["data"][name] = text.replace('"http://music"', '"http://127.0.0.1:%d"' % MUSIC_PORT)
    keys = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keys"}, "data": secret["stringData"]}
    spec = deployment["spec"]["template"]["spec"]
    for volume in spec["volumes"]:
        if "secret" in volume:
            del volume["secret"]
            volume["configMap"] = {"name": "keys"}
    for container in spec["containers"]:
        container["image"] = "localhost/" + container["image"]
        container.pop("ports")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle"):
            container.pop(probe, None)
        for variable in container.get("env", []):
            if variable["name"] == "MUSIC_URL":
                variable["value"] = "http://127.0.0.1:%d" % MUSIC_PORT
    shop = next(c for c in spec["containers"] if c["name"] == "shop")
    spec["containers"].append({
        "name": "music", "image": shop["image"], "securityContext": shop["securityContext"],
        "command": ["python3"], "args": ["upstream.py", str(MUSIC_PORT), "500"]})
    spec["restartPolicy"] = "Never"  # so that its exit code can be seen
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"}, "spec": spec}
    return yaml.safe_dump_all([config, keys, pod])


class Pod:
    """The running pod, and clients inside its network."""

    def __init__(self, engine):
        self.engine = engine
        file = engine.folder / "pod.yaml"
        file.write_text(pod_of_the_manifests())
        engine.run("podman", "play", "kube", "--network", "none", file)
        self.file = file
        self.pid = engine.run("podman", "inspect", "-f", "{{.State.Pid}}", "shop-siding").stdout.strip()

    @contextlib.contextmanager
    def network(self):
        """Meanwhile the sockets of this thread, and of those that it starts, are the pod's."""
        with open("/proc/thread-self/ns/net") as outside, open("/proc/%s/ns/net" % self.pid) as inside:
            enter(inside)
            try:
                yield
            finally:
                enter(outside)

    def get(self, port, target):
        with self.network():
            return get(port, target)

    def down(self):
        self.engine.run("podman", "play", "kube", "--down", self.file, check=False)


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def get(port, target):
    return load.run(("127.0.0.1", port), [load.get(target)], timeout=10)[0]


def wait_until_ready(pod):
    for _ in range(300):
        done = pod.engine.run("podman", "exec", "shop-siding", "siding", "health", "/etc/siding/siding.toml", check=False)
        if done.returncode == 0 and pod.get(8000, "/plain/?n=1").status == 200:
            return
        time.sleep(0.1)  # allow-sleep: containers start in their own time
    sys.exit("the pod does not become ready:\n" + pod.engine.run("podman", "logs", "shop-siding", check=False).stderr)


def a_hundred_at_once(pod):
    """The job of siding: 100 clients with words of their own, and for each exactly one call."""
    pod.get(8080, "/search/?q=warm")  # the dry match
    pod.get(MUSIC_PORT, "/__reset")
    began = time.monotonic()
    with pod.network():
        answers = load.run(("127.0.0.1", 8080), [load.get("/search/?q=word-%d" % i) for i in range(REQUESTS)])
    took = time.monotonic() - began
    failed = sum(1 for i, a in enumerate(answers) if a.status != 200 or a.error
                 or json.loads(a.body)["result"]["word"] != "word-%d" % i)
    stats = json.loads(pod.get(MUSIC_PORT, "/__stats").body)
    print("  %d requests at once: %d failed, %d calls upstream, %d at once, repeated %s, %.2f s"
          % (REQUESTS, failed, stats["calls"], stats["most"], stats["repeated"], took), flush=True)
    return failed == 0 and stats["calls"] == REQUESTS and not stats["repeated"]


def a_stop_under_load(pod):
    """SIGTERM to siding: who asks before /readyz failed and drain_delay had passed has his answer."""
    sent, stop, ready = [], threading.Event(), []

    def prober():
        while not stop.is_set():
            began = time.monotonic()
            if get(9090, "/readyz").status != 200:
                break
            ready.append(began)

    def client():
        while not stop.is_set():
            began = time.monotonic()
            answer = get(8080, "/plain/?n=1")
            sent.append((began, answer.status == 200 and not answer.error))

    clients = [threading.Thread(target=client) for _ in range(16)] + [threading.Thread(target=prober)]
    with pod.network():
        for c in clients:
            c.start()
    time.sleep(1)  # allow-sleep: some load before
    pod.engine.run("podman", "kill", "--signal", "TERM", "shop-siding")
    waited = pod.get(9090, "/wait-for-drain")
    drained = time.monotonic()
    stop.set()
    for c in clients:
        c.join()
    before = [well for began, well in sent if began < ready[-1] + DRAIN_DELAY]
    failed = before.count(False)
    print("  stop under load: drained %.1f s after /readyz failed (%s); %d requests until drain_delay had passed: %d failed"
          % (drained - ready[-1], waited.status or waited.error, len(before), failed), flush=True)
    code = pod.engine.run("podman", "wait", "shop-siding").stdout.strip()
    print("  siding's exit code: " + code)
    return failed == 0 and len(before) > 500 and waited.status == 200 and code == "0"


def remove_cgroups():
    """Those that podman leaves behind, the innermost first; one that is still in use stays."""
    for top in pathlib.Path("/sys/fs/cgroup").glob("*/libpod_parent"):
        for folder in sorted([top, *(f for f in top.rglob("*") if f.is_dir())], reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", help="instead of a debootstrap: an image of Debian 12 that podman can pull")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("pod.py: it makes root file systems and network namespaces: run it as root")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="siding-pod-", dir="/var/tmp"))
    engine, pod, began = Engine(folder), None, time.monotonic()
    try:
        source = folder / "source"
        source.mkdir()
        archive = subprocess.Popen(["git", "-C", ROOT, "archive", "HEAD"], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", source], stdin=archive.stdout, check=True)
        if not arguments.base:
            print("  base image by debootstrap", flush=True)
            engine.make_base()
        base = arguments.base or BASE
        engine.build("siding", "docker/Dockerfile", source, base)
        engine.build("siding-example", "docker/example/Dockerfile", source, base)
        pod = Pod(engine)
        wait_until_ready(pod)
        well = a_hundred_at_once(pod)
        well = a_stop_under_load(pod) and well
        print("%s in %.0f s" % ("all well" if well else "NOT WELL", time.monotonic() - began))
        return 0 if well else 1
    finally:
        if pod:
            pod.down()
        engine.run("podman", "rmi", "-fa", check=False)
        shutil.rmtree(folder, ignore_errors=True)
        remove_cgroups()


if __name__ == "__main__":
    sys.exit(main())
