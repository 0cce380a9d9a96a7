# imgcls with its CUDA kernels, on no base image: the root folder that make puts
# together, with the C library and the roots of trust for downloads.
#
#	docker build -t imgcls .	(--build-arg VERSION=$(git describe --tags --always) for what it says of itself)
#	docker run --rm --gpus all -v $PWD/data:/data -v $PWD/runs:/runs --user $(id -u):$(id -g) imgcls train
#	docker run --rm -v $PWD/runs:/runs --user $(id -u):$(id -g) imgcls train digits
FROM golang:1.26-bookworm AS build
RUN apt-get update -q && apt-get install -yq --no-install-recommends g++ python3-venv
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make root VERSION=$VERSION

FROM scratch
COPY --from=build /src/build/root /
# What the NVIDIA container runtime puts into the container: the driver's libraries.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
ENV LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu:/usr/lib64:/usr/local/nvidia/lib64
# Any --user can write there, whether or not a list of users knows it; the driver
# keeps what it compiles in HOME.
ENV HOME=/data IMGCLS_DATA_DIR=/data IMGCLS_OUTPUT=/runs
USER 65532:65532
VOLUME /data /runs
ENTRYPOINT ["/imgcls"]
