-- One row per decision of the window: what was known of the reader, which recommender was shown, and what it earned.
-- BigQuery's dialect; on this machine DuckDB runs it over the files under data.tables.
--
--   reward        +1 clicked, -1 clicked and unsubscribed, 0 otherwise, by what happened within @attribution_hours of the decision
--   unsubscribed  1 where the reader was lost
--   still_open    the window ends before the decision's attribution does: its reward is not known yet. data.rules drops such
--                 rows and counts them; the next window, which overlaps with this one, has them.
WITH
  decided AS (
    SELECT
      *,
      TIMESTAMP_ADD(decided_at, INTERVAL @attribution_hours HOUR) AS attributed_until
    FROM
      `shop.decisions`
    WHERE
      decided_at >= @window_start_time
      AND decided_at < @window_end_time
  ),
  earned AS ( -- one row per decision, however often it was clicked
    SELECT
      decided.decision_id,
      LOGICAL_OR(events.event = 'unsubscribe_click') AS unsubscribed
    FROM
      decided
    JOIN
      `shop.events` AS events
    ON
      events.decision_id = decided.decision_id
      AND events.occurred_at >= decided.decided_at
      AND events.occurred_at < decided.attributed_until
    WHERE
      events.event IN ('click', 'unsubscribe_click')
    GROUP BY
      decided.decision_id
  )
SELECT
  decided.* EXCEPT (attributed_until),
  DATE(decided.decided_at) AS decided_on,
  EXTRACT(DAYOFWEEK FROM decided.decided_at) AS weekday, -- 1 is Sunday
  CASE
    WHEN earned.unsubscribed THEN -1
    WHEN earned.decision_id IS NOT NULL THEN 1
    ELSE 0
  END AS reward,
  IF(COALESCE(earned.unsubscribed, FALSE), 1, 0) AS unsubscribed,
  decided.attributed_until > @window_end_time AS still_open
FROM
  decided
LEFT JOIN
  earned
ON
  earned.decision_id = decided.decision_id
