#!/bin/sh
# kafka-server-start.sh PROPERTIES
exec python3 -m kafka_stand_in "$1"
