#!/bin/sh
# kafka-broker-api-versions.sh --bootstrap-server HOST:PORT --command-config PROPERTIES
exec python3 -m kafka_stand_in check "$4"
