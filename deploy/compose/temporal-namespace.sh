#!/bin/sh
# Makes the namespace that Drayage's workflows are in, unless it is there.
set -eu
tries=0
until temporal operator cluster health > /dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -ge 60 ]; then
    echo "Temporal at $TEMPORAL_ADDRESS is not healthy after 2 minutes." >&2
    exit 1
  fi
  sleep 2
done
temporal operator namespace describe --namespace "$NAMESPACE" > /dev/null 2>&1 ||
  temporal operator namespace create --namespace "$NAMESPACE" --retention "$RETENTION"
