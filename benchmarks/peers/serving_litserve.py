"""LitServe with LightGBM: `python serving_litserve.py MODEL PORT`."""

import sys

import lightgbm
import litserve
import numpy as np


class Api(litserve.LitAPI):
    """One model in one worker."""

    def setup(self, device):  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Load."""
        self.booster = lightgbm.Booster(model_file=sys.argv[1])
        self.names = self.booster.feature_name()

    def decode_request(self, request):  # type: ignore[no-untyped-def]
        """Rows of a request."""
        return np.array([[record[name] for name in self.names] for record in request["records"]])

    def predict(self, rows):  # type: ignore[no-untyped-def]
        """Answers."""
        return self.booster.predict(rows, num_threads=1)

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        """JSON."""
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1)
    server.run(
        port=int(sys.argv[2]), host="127.0.0.1", num_api_servers=1, log_level="error", generate_client_file=False
    )
