# Image for workers and jobs: the same lock as `make install`.
#   docker build -t waze-data-tfx .
FROM python:3.11-slim
WORKDIR /app
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY requirements.lock .
RUN pip install --no-cache-dir --no-deps -r requirements.lock
COPY setup.py pyproject.toml README.md ./
COPY waze_data_tfx waze_data_tfx
COPY components components
COPY pipelines pipelines
COPY templates templates
COPY configs configs
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
ENTRYPOINT ["waze-tfx"]
