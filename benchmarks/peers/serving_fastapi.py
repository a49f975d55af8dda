"""A bare FastAPI application with LightGBM, as a tutorial writes it: `python serving_fastapi.py MODEL PORT`."""

import sys

import lightgbm
import uvicorn
from fastapi import FastAPI

app = FastAPI()
BOOSTER = lightgbm.Booster(model_file=sys.argv[1])
NAMES = BOOSTER.feature_name()


@app.post("/predict")
async def predict(record: dict[str, float]) -> dict[str, list[float]]:
    """One record."""
    return {"predictions": BOOSTER.predict([[record[name] for name in NAMES]]).tolist()}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
