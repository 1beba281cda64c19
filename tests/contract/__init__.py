"""What every provider must pass. A new cloud subclasses `ProviderContract` and gives a `Cloud`."""

import pytest

for module in ("passes", "provider"):
    pytest.register_assert_rewrite(f"tests.contract.{module}")
