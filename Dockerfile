# The CPU image: one static binary and the roots of trust for downloads.
#
#	docker build -t imgcls .
#	docker run --rm -v $PWD/data:/data -v $PWD/runs:/runs imgcls train
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /imgcls ./cmd/imgcls

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /imgcls /imgcls
ENTRYPOINT ["/imgcls"]
