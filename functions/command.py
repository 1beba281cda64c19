"""`k8s-snapshots` and `kubectl snapshots`: one command, which finds out whose disks are meant.

Neither cloud's libraries are imported before it is known which are needed, and ours not before
Ctrl-C can be answered.
"""

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.passes.world import Ports
    from shared.ports import RulesSource
    from shared.settings import Settings

#: What names a way to the cluster; without any of them kubectl's own kubeconfig is taken.
_WAYS = ("KUBE_CONFIG_FILE", "KUBE_CONFIG_SECRET", "CLUSTER_NAME", "KUBERNETES_SERVICE_HOST")


def main() -> int:
    """Run the command and give its exit status."""
    prog = program(sys.argv[0])
    try:
        from functions.which_cloud import CLOUDS
        from shared.cli.main import main as command_line

        return command_line(prog, build, clouds=CLOUDS)
    except KeyboardInterrupt:
        sys.stderr.write(f"{prog}: interrupted\n")
        return 130


def complete() -> int:
    """Tell kubectl what may stand in place of the last word, as it asks of its plugins."""
    from functions.which_cloud import CLOUDS
    from shared.cli.arguments import parser
    from shared.cli.completion import for_kubectl

    sys.stdout.write(for_kubectl(parser("kubectl snapshots", CLOUDS), sys.argv[1:]))
    return 0


def program(path: str) -> str:
    """Tell under which name the command was called: kubectl finds its plugins by theirs."""
    name = Path(path).stem
    return "kubectl snapshots" if name == "kubectl-snapshots" else "k8s-snapshots"


def build(
    environ: Mapping[str, str], source: "RulesSource | None" = None, cloud: str = ""
) -> "tuple[Settings, Ports]":
    """Make settings and ports of the cloud that is named, or else found out.

    Raises:
        PassError: where none or several could be meant, or the environment cannot be used.
    """
    from functions.which_cloud import which_cloud
    from shared.errors import SettingsError

    environ = with_kubeconfig(environ)
    found = cloud or which_cloud(environ, source)
    try:
        make: Callable[..., Any] = import_module(f"functions.{found}.wiring").build
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("functions"):
            raise
        raise SettingsError(
            f"the package {error.name} is not installed, which {found} needs"
        ) from None
    settings, ports = make(environ, source)
    return settings, ports


def with_kubeconfig(environ: Mapping[str, str]) -> dict[str, str]:
    """Take kubectl's kubeconfig where nothing else names a way to the cluster."""
    found = dict(environ)
    if not any(found.get(name, "").strip() for name in _WAYS):
        path = found.get("KUBECONFIG") or "~/.kube/config"
        if any(os.path.exists(os.path.expanduser(name)) for name in path.split(os.pathsep)):
            found["KUBE_CONFIG_FILE"] = path
    if path := found.get("KUBE_CONFIG_FILE", ""):
        names = (os.path.expanduser(name) for name in path.split(os.pathsep))
        found["KUBE_CONFIG_FILE"] = os.pathsep.join(names)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
