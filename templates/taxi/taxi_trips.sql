-- One row per trip: how long it took (the label), and what is known when it starts. No fare, tips or tolls: those are known
-- only afterwards. BigQuery's dialect; on a laptop DuckDB runs it over the file under data.tables (docs/sql.md).
SELECT
  trip_seconds,
  trip_miles,
  pickup_latitude,
  pickup_longitude,
  dropoff_latitude,
  dropoff_longitude,
  pickup_community_area,
  dropoff_community_area,
  trip_start_hour,
  trip_start_day,
  trip_start_month,
  COALESCE(payment_type, 'Unknown') AS payment_type,
  company
FROM
  `chicago.taxi_trips`
