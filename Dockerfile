# The command line in an image. TORCH_INDEX is the package index that has the build of torch to use: for a small image
# without CUDA the index of PyTorch's CPU builds, empty for the build that PyPI has, which runs on NVIDIA GPUs.
#
#   docker build --tag stemtree .
#   docker run --rm --volume "$PWD:/music" stemtree separate song.mp3
ARG PYTHON=3.11
FROM python:${PYTHON}-slim

RUN useradd --create-home --uid 1000 user
WORKDIR /source
COPY constraints.txt .
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --constraint constraints.txt '.[evaluate]'

USER user
WORKDIR /music
ENTRYPOINT ["stemtree"]
CMD ["--help"]
