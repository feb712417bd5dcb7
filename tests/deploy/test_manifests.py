"""The manifests of both overlays: valid, safe, and in agreement with the code."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.cert_manager.v1 import Certificate, Issuer

from gateway import drain
from gateway.options import TLS_FILES
from gateway.render import DEFAULTS, TEMPLATE
from sandbox.stack import ROOT
from services.tryon.settings import Settings as TryonSettings
from tests.deploy.manifests import SERVICES, SETTINGS, Object, Overlay, known_settings, render, selects

VERSIONS = ("1.34", "1.37")
# Custom resources whose models no package ships: the fields of their specs that we use, * for those that must be there.
SPECS = {
    ("postgresql.cnpg.io/v1", "Cluster"): "instances* imageName* storage* walStorage resources bootstrap* managed "
    "postgresql affinity plugins",
    ("postgresql.cnpg.io/v1", "Database"): "name* owner* cluster* databaseReclaimPolicy",
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): "schedule* cluster* method* pluginConfiguration",
    ("barmancloud.cnpg.io/v1", "ObjectStore"): "configuration* retentionPolicy",
    ("external-secrets.io/v1", "ExternalSecret"): "refreshInterval secretStoreRef* target* data dataFrom",
    ("gateway.networking.k8s.io/v1", "Gateway"): "gatewayClassName* listeners*",
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): "parentRefs* hostnames rules*",
}


@pytest.fixture(scope="module", params=["local", "production"])
def overlay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Overlay:
    """Each overlay, as it would be applied."""
    return render(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Overlay:
    """The overlay for production."""
    return render("production", tmp_path_factory.mktemp("production"))


def test_every_object_is_valid(overlay: Overlay) -> None:
    for item in overlay.objects:
        _check(item)


def _check(item: Object) -> None:
    what = (item["apiVersion"], item["kind"])
    if item["apiVersion"].startswith("cert-manager.io/"):
        model: Any = {"Certificate": Certificate, "Issuer": Issuer}[item["kind"]]
        unknown = set(item["spec"]) - {field.alias or name for name, field in _fields(model, "spec")}
        assert not unknown, (item["metadata"]["name"], unknown)
        model.model_validate(item)
    elif what in SPECS:
        fields = SPECS[what].split()
        assert set(item["spec"]) <= {field.rstrip("*") for field in fields}, what
        assert {field[:-1] for field in fields if field.endswith("*")} <= set(item["spec"]), what
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(item, version, strict=True)


def _fields(model: Any, name: str) -> Iterator[tuple[str, Any]]:
    annotation = model.model_fields[name].annotation
    kinds = [kind for kind in getattr(annotation, "__args__", (annotation,)) if hasattr(kind, "model_fields")]
    yield from kinds[0].model_fields.items()


def test_no_object_is_there_twice(overlay: Overlay) -> None:
    ids = [(item["apiVersion"], item["kind"], item["metadata"]["name"]) for item in overlay.objects]
    assert len(ids) == len(set(ids))
    spaces = {item["metadata"].get("namespace") for item in overlay.objects if item["kind"] != "Namespace"}
    assert spaces == {"drape"}


def test_every_image_has_a_version(overlay: Overlay) -> None:
    images = {container["image"] for _, _, container in overlay.containers()}
    images |= {item["spec"]["imageName"] for item in overlay.of("Cluster")}
    assert len(images) > 5
    for image in images:
        assert re.search(r":[\w.-]*\d[\w.-]*$", image), image
        assert not image.endswith(":latest")


def test_every_pod_is_confined(overlay: Overlay) -> None:
    for name, spec, container in overlay.containers():
        where = f"{name}/{container['name']}"
        assert spec["automountServiceAccountToken"] is False, where
        assert spec["securityContext"]["runAsNonRoot"] is True, where
        assert spec["securityContext"]["runAsUser"] > 0, where
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
        confined = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["securityContext"] == confined, where
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), where
        assert "memory" in container["resources"]["limits"], where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), where
        assert not any("hostPath" in volume for volume in spec.get("volumes", ())), where
    (namespace,) = overlay.of("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_everything_that_is_named_exists(overlay: Overlay) -> None:
    for name, spec, container in overlay.containers():
        assert spec["serviceAccountName"] in overlay.names("ServiceAccount"), name
        volumes = {volume["name"] for volume in spec.get("volumes", ())} | _claimed(overlay, name)
        assert {mount["name"] for mount in container.get("volumeMounts", ())} <= volumes, name
        for kind, source, key in _references(spec, container):
            keys = overlay.keys(kind, source)
            assert key is None or keys is None or key in keys, (name, source, key)
    for item in overlay.of("PersistentVolumeClaim", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service"):
        _check_target(overlay, item)


def _claimed(overlay: Overlay, workload: str) -> set[str]:
    claims = [item["spec"].get("volumeClaimTemplates", ()) for item in overlay.of("StatefulSet")]
    return {
        claim["metadata"]["name"] for group in claims for claim in group if workload in overlay.names("StatefulSet")
    }


def _references(spec: Object, container: Object) -> Iterator[tuple[str, str, str | None]]:
    for source in container.get("envFrom", ()):
        if not (ref := source.get("secretRef") or source["configMapRef"]).get("optional"):
            yield ("Secret" if "secretRef" in source else "ConfigMap"), ref["name"], None
    for variable in container.get("env", ()):
        if ref := variable.get("valueFrom", {}).get("secretKeyRef"):
            yield "Secret", ref["name"], ref["key"]
    for volume in spec.get("volumes", ()):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"], None
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"], "tls.key"
        for source in volume.get("projected", {}).get("sources", ()):
            for item in source["secret"]["items"]:
                yield "Secret", source["secret"]["name"], item["key"]


def _check_target(overlay: Overlay, item: Object) -> None:
    spec, name = item["spec"], item["metadata"]["name"]
    match item["kind"]:
        case "HorizontalPodAutoscaler":
            assert spec["scaleTargetRef"]["name"] in overlay.names("Deployment"), name
            assert "replicas" not in overlay.one("Deployment", name)["spec"], "two would decide how many there are"
        case "PodDisruptionBudget":
            assert any(selects(spec["selector"], labels) for labels in overlay.labels.values()), name
        case "Service":
            (workload,) = [
                other for other, labels in overlay.labels.items() if selects({"matchLabels": spec["selector"]}, labels)
            ]
            ports = overlay.ports(workload)
            assert all(ports[port["targetPort"]] == port["port"] for port in spec["ports"]), name
        case "PersistentVolumeClaim":
            claims = [
                volume["persistentVolumeClaim"]
                for _, pod, _ in overlay.containers()
                for volume in pod["volumes"]
                if "persistentVolumeClaim" in volume
            ]
            assert {"claimName": name} in claims


def test_probes_ask_ports_that_are_there(overlay: Overlay) -> None:
    for name in overlay.names("Deployment", "StatefulSet"):
        container, ports = overlay.container(name), overlay.ports(name)
        probes = [container[kind] for kind in ("startupProbe", "readinessProbe", "livenessProbe") if kind in container]
        assert probes, name
        for probe in probes:
            for how in ("httpGet", "tcpSocket", "grpc"):
                if how in probe:
                    port = probe[how]["port"]
                    assert port in (ports.values() if isinstance(port, int) else ports), name
    for name in SETTINGS:
        liveness = overlay.container(name)["livenessProbe"]["grpc"]
        assert liveness["service"] == "liveness", "a database that is away is no reason to restart"


def _code_arrows() -> set[tuple[str, str]]:
    """Who calls whom: the peers that a service has in its settings, and the gateway's clusters."""
    arrows = {("gateway", service) for service in SERVICES}
    for name, kind in SETTINGS.items():
        arrows |= {(name, field.removesuffix("_address")) for field in kind.model_fields if field.endswith("_address")}
    return arrows


EXTRA = {
    "local": {("billing", "stripe", 4242), ("stripe", "gateway", 8080), ("auth", "mail", 2525)},
    "production": {("gateway", "ratelimit", 8081), ("ratelimit", "valkey", 6379), ("postgres", "postgres", 5432)},
}


def test_the_policies_allow_exactly_the_calls_that_the_code_makes(overlay: Overlay) -> None:
    ports = {name: overlay.ports(name) for name in overlay.labels}
    wanted = {(source, target, ports[target]["grpc"]) for source, target in _code_arrows()}
    wanted |= {(name, "postgres", 5432) for name in (*SETTINGS, *overlay.names("Job"))} | EXTRA[overlay.name]
    every = {port for found in ports.values() for port in found.values()}
    allowed = {
        (source, target, port)
        for source in overlay.labels
        for target in overlay.labels
        for port in every
        if overlay.may_call(source, target, port)
    }
    assert allowed == wanted


def test_nothing_is_allowed_that_no_policy_names(overlay: Overlay) -> None:
    deny = overlay.one("NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    outside = [
        block
        for item in overlay.of("NetworkPolicy")
        for rule in item["spec"].get("egress", ())
        for peer in rule.get("to", ())
        if (block := peer.get("ipBlock"))
    ]
    assert outside
    assert all("169.254.0.0/16" in block["except"] for block in outside), "a cloud's metadata service"


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_given_or_has_a_default_and_none_is_unknown(overlay: Overlay, name: str) -> None:
    container = overlay.container(name)
    given = overlay.variables(container)
    fields = SETTINGS[name].model_fields
    required = {field.upper() for field, info in fields.items() if info.is_required()}
    if overlay.name == "production":
        # The vault gives these: docs/operations.md lists them, and so does the next test.
        required -= _vault(name)
    assert required <= set(given)
    assert {variable for variable in given if not variable.startswith("OTEL_")} <= known_settings()
    assert _without_secrets(given)


def _vault(name: str) -> set[str]:
    """What docs/operations.md says that the vault must hold under drape/NAME."""
    owner = "tryon" if name == "worker" else name
    text = (ROOT / "docs" / "operations.md").read_text()
    (row,) = re.findall(rf"^\| `drape/{owner}` \|(.*)\|$", text, re.M)
    return set(re.findall(r"`([A-Z_0-9]+)`", row))


def _without_secrets(given: dict[str, str | None]) -> bool:
    return not [
        name for name, value in given.items() if value and re.search("SECRET|PRIVATE|PASSWORD|PEPPER|_KEY$", name)
    ]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_service_is_looked_for_where_it_is(overlay: Overlay, name: str) -> None:
    given = overlay.variables(overlay.container(name))
    services = {item["metadata"]["name"]: item["spec"]["ports"][0]["port"] for item in overlay.of("Service")}
    for field in SETTINGS[name].model_fields:
        if field.endswith("_address"):
            host, port = str(given[field.upper()]).split(":")
            assert services[host] == int(port)
    listen = (
        given.get("LISTEN") or re.findall(rf"FROM runtime AS {name}\n(?:COPY .*\n)?ENV LISTEN=(\S+)", _dockerfile())[0]
    )
    assert int(str(listen).split(":")[1]) == overlay.ports(name)["grpc"]
    assert "HEALTH_LISTEN=0.0.0.0:50050" in _dockerfile()


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_the_gateways_settings_are_those_it_reads(overlay: Overlay) -> None:
    given = overlay.variables(overlay.container("gateway"))
    assert set(given) <= {*DEFAULTS, *TLS_FILES, "GATEWAY_THREADS"} | {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    for service in SERVICES:
        assert given[f"{service.upper()}_HOST"] in overlay.names("Service")
        assert DEFAULTS[f"{service.upper()}_PORT"] == str(overlay.ports(service)["grpc"])


def _limited(descriptors: list[Object], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for item in descriptors:
        path = (*before, item["key"] + (f"={item['value']}" if "value" in item else ""))
        if "rate_limit" in item:
            yield path
        yield from _limited(item.get("descriptors", []), path)


def _asked(action: Object) -> str:
    key = action.get("generic_key")
    return f"{key['descriptor_key']}={key['descriptor_value']}" if key else "remote_address"


def test_the_limits_of_all_gateways_are_of_what_they_ask_about(production: Overlay) -> None:
    (source,) = [volume["configMap"]["name"] for volume in production.pods["ratelimit"]["spec"]["volumes"][:1]]
    limits = yaml.safe_load(production.one("ConfigMap", source)["data"]["limits.yaml"])
    found = re.findall(r"rate_limits: (\[.*\])$", TEMPLATE.read_text(), re.M)
    asked = {tuple(map(_asked, limit["actions"])) for item in found for limit in yaml.safe_load(item)}
    assert set(_limited(limits["descriptors"])) == asked
    assert len(asked) == 2
    assert limits["domain"] == "drape", "as the gateway's filter says"
    given = production.variables(production.container("gateway"))
    assert (given["RATELIMIT_HOST"], given["RATELIMIT_PORT"]) == (
        "ratelimit",
        str(production.ports("ratelimit")["grpc"]),
    )


def test_what_is_under_way_has_time_to_end(overlay: Overlay) -> None:
    for name, kind in SETTINGS.items():
        container, spec = overlay.container(name), overlay.pods[name]["spec"]
        own = float(overlay.variables(container).get("DRAIN_SECONDS") or kind.model_fields["drain_seconds"].default)
        # First requests, then background work, each for as long; then telemetry's last words.
        needed = container["lifecycle"]["preStop"]["sleep"]["seconds"] + 2 * own + 5
        assert spec["terminationGracePeriodSeconds"] > needed, name
    # A request that waits for its picture is let end, and so is what a worker is at.
    waits = TryonSettings.model_fields["generate_timeout_seconds"].default
    assert all(
        float(overlay.variables(overlay.container(name))["DRAIN_SECONDS"] or 0) > waits for name in ("tryon", "worker")
    )


def test_the_gateway_drains_for_as_long_as_its_longest_request(overlay: Overlay) -> None:
    timeouts = {int(found) for found in re.findall(r"timeout: (\d+)s", TEMPLATE.read_text())}
    assert max(value for value in timeouts if value != 300) <= drain.LONGEST_SECONDS
    pod = overlay.pods["gateway"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > drain.LONGEST_SECONDS + drain.NOTICE_SECONDS
    assert overlay.container("gateway")["lifecycle"]["preStop"]["exec"]["command"] == ["python", "-m", "gateway.drain"]


def _migration(overlay: Overlay, service: str) -> Object:
    (found,) = [item for item in overlay.of("Job") if item["metadata"]["name"].startswith(f"{service}-migrate-")]
    return dict(found)


def _database(container: Object) -> Any:
    (found,) = [item["valueFrom"] for item in container["env"] if item["name"] == "DATABASE_URL"]
    return found


def test_a_version_migrates_once_and_its_pods_wait_for_it(overlay: Overlay) -> None:
    for name in SETTINGS:
        service = "tryon" if name == "worker" else name
        job = overlay.container(_migration(overlay, service)["metadata"]["name"])
        (init,), main = overlay.pods[name]["spec"]["initContainers"], overlay.container(name)
        assert job["command"] == ["python", "-m", f"services.{service}", "migrate"]
        assert init["command"] == [*main["command"], "wait-for-schema"]
        assert init["image"] == job["image"] == main["image"]
        assert _database(init) == _database(job) == _database(main)
    assert len(overlay.of("Job")) == len(SERVICES)


def test_no_migration_is_sent_requests(overlay: Overlay) -> None:
    for job in overlay.of("Job"):
        labels = job["spec"]["template"]["metadata"]["labels"]
        selectors = [item["spec"]["selector"] for item in overlay.of("Service", "Deployment")]
        assert not [each for each in selectors if selects({"matchLabels": each.get("matchLabels", each)}, labels)]


def _new_images(folder: Path) -> None:
    """As an upgrade does it; one of them by its digest."""
    names = [{"name": f"drape/{name}", "newTag": "0.2.0"} for name in ("auth", "media", "tryon", "gateway")]
    _edit(folder, images=[*names, {"name": "drape/billing", "digest": f"sha256:{'0' * 64}"}])


def _new_settings(folder: Path) -> None:
    """Other settings and other secrets with the same images."""
    (settings,) = [item for item in _edit(folder)["configMapGenerator"] if item["name"] == "settings"]
    settings["literals"].append("LOG_LEVEL=DEBUG")
    _edit(folder, configMapGenerator=[settings, *_edit(folder)["configMapGenerator"][1:]])
    for file in (folder / "secrets").glob("*.env"):
        file.write_text(file.read_text() + "ANOTHER=value\n")


def _edit(folder: Path, **changes: Any) -> dict[str, Any]:
    file = folder / "kustomization.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text()) | changes
    file.write_text(yaml.safe_dump(content))
    return content


@pytest.mark.parametrize(("change", "again"), [(_new_images, True), (_new_settings, False)])
def test_an_overlay_can_be_applied_again_though_jobs_cannot_be_changed(
    overlay: Overlay, tmp_path: Path, change: Callable[[Path], None], again: bool
) -> None:
    changed = render(overlay.name, tmp_path, change)
    assert changed.objects != overlay.objects
    before, after = ({item["metadata"]["name"]: item for item in found.of("Job")} for found in (overlay, changed))
    assert all(after[name] == job for name, job in before.items() if name in after)
    assert not again or not set(before) & set(after), "another image migrates again"
    assert again or set(before) == set(after)
    assert max(map(len, after)) < 64


def test_every_process_of_ours_speaks_tls_in_production(production: Overlay) -> None:
    certificates = {item["spec"]["secretName"]: item["spec"] for item in production.of("Certificate")}
    for name in (*SETTINGS, "gateway"):
        given = production.variables(production.container(name))
        assert [given[variable] for variable in TLS_FILES] == ["/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt"]
        (volume,) = [item for item in production.pods[name]["spec"]["volumes"] if item["name"] == "tls"]
        own = certificates[volume["secret"]["secretName"]]
        assert name in own["dnsNames"], "the name that others call it by"
        assert {"server auth", "client auth"} <= set(own["usages"])
        assert own["issuerRef"]["name"] == "authority"


def test_every_service_has_a_database_and_an_owner_of_its_own(production: Overlay) -> None:
    cluster = production.one("Cluster", "postgres")["spec"]
    first = cluster["bootstrap"]["initdb"]
    owners = {first["database"]: first["owner"]} | {
        item["spec"]["name"]: item["spec"]["owner"] for item in production.of("Database")
    }
    assert owners == {service: service for service in SERVICES}
    roles = {item["name"]: item["passwordSecret"]["name"] for item in cluster["managed"]["roles"]}
    assert roles | {first["owner"]: first["secret"]["name"]} == {name: f"{name}-database" for name in SERVICES}


def test_no_service_enters_the_database_of_another(production: Overlay) -> None:
    allow, deny = (line.split() for line in production.one("Cluster", "postgres")["spec"]["postgresql"]["pg_hba"])
    assert allow == ["hostssl", "sameuser", ",".join(SERVICES), "all", "scram-sha-256"]
    assert deny == ["host", "all", ",".join(SERVICES), "all", "reject"]
    for item in production.of("ExternalSecret"):
        if url := item["spec"]["target"].get("template", {}).get("data", {}).get("DATABASE_URL"):
            user, database = re.findall(r"//(\w+):.*/(\w+)\?sslmode=require$", url)[0]
            assert user == database


def test_there_are_connections_for_every_pod_there_may_be(production: Overlay) -> None:
    cluster = production.one("Cluster", "postgres")["spec"]
    scalers = production.of("HorizontalPodAutoscaler")
    # One more than there may be: a new version's pod starts before an old one stops.
    most = {item["metadata"]["name"]: item["spec"]["maxReplicas"] + 1 for item in scalers}
    wanted = dict.fromkeys(SERVICES, 10)  # for its migration and administration
    for name, kind in SETTINGS.items():
        given = production.variables(production.container(name)).get("DATABASE_POOL")
        pool = int(given or kind.model_fields["database_pool"].default)
        # Beside the pool each process listens, and has its queue of tasks.
        wanted["tryon" if name == "worker" else name] += most[name] * (pool + 2)
    limits = {item["name"]: item["connectionLimit"] for item in cluster["managed"]["roles"]}
    for name, needed in wanted.items():
        assert needed <= limits[name], name
    assert sum(limits.values()) + 20 <= int(cluster["postgresql"]["parameters"]["max_connections"])


def test_the_collector_finds_every_gateway(production: Overlay) -> None:
    collector = (ROOT / "deploy" / "observability" / "otel-collector.yaml").read_text()
    (port,) = {int(found) for found in re.findall(r"type: A, port: (\d+)", collector)}
    (service,) = [item for item in production.of("Service") if item["metadata"]["name"] == "gateway-operations"]
    assert service["spec"]["clusterIP"] == "None", "the names of headless Services have every pod's address"
    assert [each["port"] for each in service["spec"]["ports"]] == [port] == [production.ports("gateway")["operations"]]
    assert "`gateway-operations.drape`" in (ROOT / "docs" / "operations.md").read_text()


def test_media_has_memory_for_the_largest_picture_in_each_of_its_processes(overlay: Overlay) -> None:
    container = overlay.container("media")
    given, fields = overlay.variables(container), SETTINGS["media"].model_fields
    largest = int(given.get("PICTURE_MEMORY_MB") or fields["picture_memory_mb"].default)
    said = container["resources"]["limits"]["memory"]
    limit = int(said[:-2]) * {"Mi": 1, "Gi": 1024}[said[-2:]]
    # 200 MiB is what the service has of its own: docs/operations.md, Sizing.
    assert limit >= int(given["PICTURE_WORKERS"] or 0) * largest + 200


def test_the_workers_are_scaled_by_a_metric_that_they_tell(production: Overlay) -> None:
    (external,) = [
        metric["external"]["metric"]["name"]
        for metric in production.one("HorizontalPodAutoscaler", "worker")["spec"]["metrics"]
        if metric["type"] == "External"
    ]
    told = (ROOT / "services" / "tryon" / "metrics.py").read_text()
    group, name = external.rsplit("_", 1)
    assert f'"{group.replace("_", ".")}.{{name}}"' in told
    assert f'("{name}", ' in told
    assert f"as: {external}" in (ROOT / "docs" / "operations.md").read_text()


def test_telemetry_goes_where_the_policies_let_it(production: Overlay) -> None:
    (rule,) = production.one("NetworkPolicy", "telemetry")["spec"]["egress"]
    (namespace,) = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["to"]]
    for name in (*SETTINGS, "gateway"):
        endpoint = production.variables(production.container(name))["OTEL_EXPORTER_OTLP_ENDPOINT"]
        assert endpoint == f"http://collector.{namespace}:{rule['ports'][0]['port']}"
