-- One row per trip: how long it took (the label) and what is known when it starts; fare, tips and tolls are known only afterwards.
-- BigQuery's dialect; on this machine DuckDB runs it over the file under data.tables.
SELECT
  trip_seconds,
  trip_miles,
  pickup_latitude,
  pickup_longitude,
  dropoff_latitude,
  dropoff_longitude,
  pickup_community_area,
  dropoff_community_area,
  EXTRACT(HOUR FROM TIMESTAMP_SECONDS(trip_start_timestamp)) AS trip_start_hour,
  EXTRACT(DAYOFWEEK FROM TIMESTAMP_SECONDS(trip_start_timestamp)) AS trip_start_day, -- 1 is Sunday
  EXTRACT(MONTH FROM TIMESTAMP_SECONDS(trip_start_timestamp)) AS trip_start_month,
  payment_type,
  company
FROM
  `chicago.trips`
