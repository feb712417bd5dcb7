"""Generates `gen/` from `protos/`: Python messages and stubs with types, the gateway's descriptor set, the contract."""

import shutil
import sys
from importlib import resources
from pathlib import Path

import google.api
import google.rpc
from google.protobuf import descriptor_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GEN = ROOT / "gen"
DESCRIPTORS = "drape.binpb"

# Of the standard types that our protos or the gateway need at run time, and that Python packages provide.
GOOGLE_IMPORTS = ("google/rpc/error_details.proto", "google/rpc/status.proto")


def write_validate_descriptor(path: Path) -> None:
    """Writes buf/validate/validate.proto as a descriptor: its package on PyPI ships no .proto file."""
    files = descriptor_pb2.FileDescriptorSet()
    include = str(resources.files("grpc_tools") / "_proto")
    imports = path.with_suffix(".imports")
    names = [f"google/protobuf/{name}.proto" for name in ("descriptor", "duration", "field_mask", "timestamp")]
    run_protoc(f"-I{include}", f"--descriptor_set_out={imports}", *names)
    files.ParseFromString(imports.read_bytes())
    imports.unlink()
    files.file.add().ParseFromString(bytes(validate_pb.desc().proto.to_binary()))
    path.write_bytes(files.SerializeToString())


def run_protoc(*arguments: str) -> None:
    """Runs protoc in this process; ends the program when it finds a fault, which protoc has then printed."""
    if code := protoc.main(["protoc", *arguments]):
        sys.exit(code)


def main() -> None:
    """Generates into a new folder and puts it in place of the old one, so that a broken run leaves the old."""
    new = GEN.with_name("gen.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    validate = new / "validate.binpb"
    write_validate_descriptor(validate)
    includes = [
        f"-I{PROTOS}",
        f"-I{Path(google.api.__path__[0]).parent.parent}",
        f"-I{resources.files('grpc_tools') / '_proto'}",
        f"--descriptor_set_in={validate}",
    ]
    ours, envoys = (
        sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / folder).rglob("*.proto"))
        for folder in ("drape", "envoy_api")
    )
    python = [f"--python_out={new}", f"--mypy_out=quiet:{new}"]
    run_protoc(*includes, *python, "buf/validate/validate.proto")
    run_protoc(
        *includes, *python, f"--grpc_python_out={new}", f"--mypy_grpc_out=quiet,only_async:{new}", *ours, *envoys
    )
    run_protoc(
        *includes,
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={new / DESCRIPTORS}",
        *GOOGLE_IMPORTS,
        *ours,
    )
    validate.unlink()
    describe(new)
    shutil.rmtree(GEN, ignore_errors=True)
    new.rename(GEN)


def describe(generated: Path) -> None:
    """Writes the contract as OpenAPI and as a page, with the code that was just generated."""
    sys.path[:0] = [str(generated), str(ROOT)]
    from gateway import contract  # needs the generated code

    contract.write(generated)


if __name__ == "__main__":
    main()
