"""What became of a snapshot that Google accepted: quota, rate, guest and key fail later.

Source: Compute Engine API v1, "globalOperations.get" and "Operation" (`status`, `error`).
"""

from google.api_core.exceptions import NotFound

from functions.gcp.calls import ComputeClients, error_of, sorted_errors
from shared.model import OperationState


def state_of(clients: ComputeClients, project: str, name: str) -> OperationState:
    """Tell how an operation stands; one that Google has forgotten counts as done.

    Raises:
        ProviderError: where that cannot be told.
    """
    request = {"project": project, "operation": name}
    with sorted_errors():
        try:
            found = clients.of("GlobalOperationsClient").get(request=request, **clients.how)
        except NotFound:
            return OperationState("done")
        if error := error_of(found):
            return OperationState("failed", error.code, str(error))
        return OperationState("done" if found.status == type(found).Status.DONE else "running")
