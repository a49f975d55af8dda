"""The files with which a version leaves the workstation: Containerfile, Kubernetes and KServe manifests, as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

PORT = 8080
USER = 10001
PYTHON = "3.11"
COMMAND = ("python", "server.py", "--host", "0.0.0.0", "--port", str(PORT))  # noqa: S104 - inside a container
CONTAINERFILE = """# {name} version {version}
# podman build -t {image} .    or: docker build -f Containerfile -t {image} .
FROM docker.io/library/python:{python}-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
WORKDIR /model
COPY requirements.txt ./
RUN pip install --no-cache-dir --no-compile -r requirements.txt
COPY manifest.json canary.json {model} serving.json verify.py server.py ./
RUN python verify.py
USER {user}
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
EXPOSE {port}
CMD [{command}]
"""
SERVE = """
## Serve it

```sh
podman build -t {image} .
podman run --rm -p 127.0.0.1:{port}:{port} -e TRAINMASTER_TOKEN="$(openssl rand -hex 32)" {image}
```

The server speaks the Open Inference Protocol v2 and `/predict`; everything but health needs the token. For a cluster
push the image, make the Secret that the first lines of `kubernetes.yaml` (or `kserve.yaml`) name, and apply it.
"""
IGNORED = "card.*\nREADME.md\n*.yaml\n"


@dataclass(frozen=True)
class Named:
    """What the manifests speak of."""

    name: str
    version: int
    image: str
    model_file: str
    python: str
    digest: str

    @property
    def labels(self) -> dict[str, str]:
        """Labels that every object carries."""
        return {"app.kubernetes.io/name": self.name, "app.kubernetes.io/version": f"v{self.version}"}


def containerfile(named: Named) -> str:
    """The text of the Containerfile."""
    command = ", ".join(f'"{part}"' for part in COMMAND)
    return CONTAINERFILE.format(
        name=named.name, version=named.version, image=named.image, python=named.python, model=named.model_file,
        user=USER, port=PORT, command=command,
    )  # fmt: skip


def readme(named: Named) -> str:
    """What the README says of serving."""
    return SERVE.format(image=named.image, port=PORT)


def kubernetes(named: Named) -> str:
    """A Deployment and a Service; the token comes from the Secret `NAME-token`."""
    selector = {"app.kubernetes.io/name": named.name}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": named.name, "labels": named.labels, "annotations": {"trainmaster/digest": named.digest}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": named.labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [_container(named, "model")],
                },
            },
        },
    }  # fmt: skip
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": named.name, "labels": named.labels},
        "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }
    return _text(named, deployment, service)


def kserve(named: Named) -> str:
    """An InferenceService whose predictor is the container, speaking the Open Inference Protocol v2."""
    container = _container(named, "kserve-container")
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": named.name, "labels": named.labels, "annotations": {"trainmaster/digest": named.digest}},
        "spec": {"predictor": {"minReplicas": 1, "containers": [container]}},
    }
    return _text(named, service)


def _container(named: Named, name: str) -> dict[str, Any]:
    ready = {"httpGet": {"path": "/v2/health/ready", "port": "http"}, "periodSeconds": 5}
    live = {"httpGet": {"path": "/v2/health/live", "port": "http"}, "periodSeconds": 10, "initialDelaySeconds": 5}
    token = {"secretKeyRef": {"name": f"{named.name}-token", "key": "token"}}
    return {
        "name": name,
        "image": named.image,
        "command": list(COMMAND),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "env": [{"name": "TRAINMASTER_TOKEN", "valueFrom": token}],
        "readinessProbe": ready,
        "livenessProbe": live,
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _text(named: Named, *documents: Mapping[str, Any]) -> str:
    head = f"# {named.name} version {named.version}. The token first:\n"
    head += f'# kubectl create secret generic {named.name}-token --from-literal=token="$(openssl rand -hex 32)"\n'
    return head + str(yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True))


__all__ = ["COMMAND", "IGNORED", "PORT", "Named", "containerfile", "kserve", "kubernetes"]
