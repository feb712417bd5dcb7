"""The rendered manifests of an overlay, and questions to them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from sandbox.stack import ROOT
from scripts import cluster_secrets
from services.auth.settings import Settings as AuthSettings
from services.billing.settings import Settings as BillingSettings
from services.kit.settings import ServiceSettings
from services.media.settings import Settings as MediaSettings
from services.tryon.engines.settings import EngineSettings
from services.tryon.settings import Settings as TryonSettings
from services.tryon.settings import WorkerSettings

Object = dict[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "Job")
SERVICES = ("auth", "media", "tryon", "billing")
SETTINGS: dict[str, type[ServiceSettings]] = {
    "auth": AuthSettings,
    "media": MediaSettings,
    "tryon": TryonSettings,
    "worker": WorkerSettings,
    "billing": BillingSettings,
}


@dataclass(frozen=True)
class Overlay:
    """All objects of an overlay."""

    name: str
    objects: tuple[Object, ...]

    def of(self, *kinds: str) -> list[Object]:
        """Those of these kinds."""
        return [item for item in self.objects if item["kind"] in kinds]

    def names(self, *kinds: str) -> set[str]:
        """The names of those of these kinds."""
        return {item["metadata"]["name"] for item in self.of(*kinds)}

    def one(self, kind: str, name: str) -> Object:
        """The one of that kind and name."""
        (found,) = [item for item in self.of(kind) if item["metadata"]["name"] == name]
        return found

    @cached_property
    def pods(self) -> dict[str, Object]:
        """The template of each workload's pods."""
        return {item["metadata"]["name"]: item["spec"]["template"] for item in self.of(*WORKLOADS)}

    @cached_property
    def labels(self) -> dict[str, dict[str, str]]:
        """The labels of each workload's pods, and of those that the database's operator makes."""
        found = {name: pod["metadata"]["labels"] for name, pod in self.pods.items()}
        return found | {name: {"cnpg.io/cluster": name} for name in self.names("Cluster")}

    def ports(self, workload: str) -> dict[str, int]:
        """The ports of a workload's main container, by name."""
        if workload in self.names("Cluster"):
            return {"postgres": 5432}
        return {port["name"]: port["containerPort"] for port in self.container(workload).get("ports", ())}

    def container(self, workload: str) -> Object:
        """The main container."""
        (found,) = [item for item in self.pods[workload]["spec"]["containers"] if item["name"] == "main"]
        return dict(found)

    def containers(self) -> Iterator[tuple[str, Object, Object]]:
        """Every container with its workload's name and its pod's spec."""
        for name, pod in self.pods.items():
            for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
                yield name, pod["spec"], container

    def keys(self, kind: str, name: str) -> set[str] | None:
        """The keys of a ConfigMap or Secret, whoever makes it; None when only the vault knows them."""
        for item in self.of(kind):
            if item["metadata"]["name"] == name:
                return set(item.get("data", {}))
        if kind == "Secret":
            if name in {item["spec"]["secretName"] for item in self.of("Certificate")}:
                return {"tls.crt", "tls.key", "ca.crt"}
            for item in self.of("ExternalSecret"):
                if item["spec"]["target"]["name"] == name:
                    template = item["spec"]["target"].get("template")
                    return set(template["data"]) if template else None
        raise AssertionError(f"there is no {kind} {name}")

    def variables(self, container: Object) -> dict[str, str | None]:
        """The container's environment; None for values that are secret."""
        found: dict[str, str | None] = {}
        for source in container.get("envFrom", ()):
            if "configMapRef" in source:
                found |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
            elif not source["secretRef"].get("optional"):
                found |= dict.fromkeys(self.keys("Secret", source["secretRef"]["name"]) or ())
        return found | {item["name"]: item.get("value") for item in container.get("env", ())}

    def may_call(self, source: str, target: str, port: int) -> bool:
        """Whether the policies let a pod open a connection to another's port."""
        return self._lets("Egress", source, target, port) and self._lets("Ingress", target, source, port)

    def _lets(self, direction: str, subject: str, other: str, port: int) -> bool:
        side, place = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        policies = [
            item["spec"]
            for item in self.of("NetworkPolicy")
            if direction in item["spec"]["policyTypes"] and selects(item["spec"]["podSelector"], self.labels[subject])
        ]
        return not policies or any(
            (place not in rule or any(self._is(peer, other) for peer in rule[place]))
            and ("ports" not in rule or any(item["port"] == port for item in rule["ports"]))
            for policy in policies
            for rule in policy.get(side, ())
        )

    def _is(self, peer: Object, workload: str) -> bool:
        # What is in another namespace, or an address, is none of our pods.
        return "podSelector" in peer and len(peer) == 1 and selects(peer["podSelector"], self.labels[workload])


def known_settings() -> set[str]:
    """The name of every variable that one of our services reads."""
    kinds = {name: info.annotation for name, info in WorkerSettings.model_fields.items()}
    engines = {
        f"{name}_{own}"
        for name, kind in kinds.items()
        if isinstance(kind, type) and issubclass(kind, EngineSettings)
        for own in kind.model_fields
    }
    return {name.upper() for kind in SETTINGS.values() for name in kind.model_fields} | {
        name.upper() for name in engines
    }


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels."""
    plain = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in plain.items()) and all(
        expression["operator"] == "In" and labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", ())
    )


def render(name: str, folder: Path, change: Callable[[Path], None] = lambda _: None) -> Overlay:
    """Has kustomize put an overlay together, in a copy with its own secrets, once `change` has been at its folder."""
    # The wheel's, where there is one: the version that requirements.lock names.
    kubectl = shutil.which("kubectl", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    assert kubectl, "the manifests cannot be checked without kubectl: its wheel is for Linux, elsewhere install it"
    copy = folder / "k8s"
    shutil.copytree(ROOT / "deploy" / "k8s", copy, ignore=shutil.ignore_patterns("secrets"))
    cluster_secrets.write(copy / "overlays" / "local" / "secrets")
    change(copy / "overlays" / name)
    done = subprocess.run([kubectl, "kustomize", copy / "overlays" / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Overlay(name, tuple(yaml.safe_load_all(done.stdout)))
