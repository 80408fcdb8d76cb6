CREATE TABLE orders (
  id BIGINT PRIMARY KEY,
  order_no VARCHAR(50) NOT NULL,
  status VARCHAR(40) NOT NULL,
  created_at DATETIME NOT NULL,
  paid_at DATETIME,
  updated_at DATETIME NOT NULL,
  channel VARCHAR(40),
  currency VARCHAR(3) NOT NULL,
  customer_id VARCHAR(40),
  customer_name VARCHAR(200),
  tax_total DECIMAL(12, 2),
  total DECIMAL(12, 2) NOT NULL
);
CREATE TABLE order_items (
  id BIGINT PRIMARY KEY,
  order_id BIGINT NOT NULL,
  pos INTEGER NOT NULL,
  sku VARCHAR(64) NOT NULL,
  name VARCHAR(200),
  qty DECIMAL(12, 3) NOT NULL,
  unit_price DECIMAL(12, 4) NOT NULL,
  discount DECIMAL(12, 2),
  tax VARCHAR(20)
);
CREATE TABLE blogger_settlements (
  id BIGINT PRIMARY KEY,
  number VARCHAR(50) NOT NULL,
  status VARCHAR(40) NOT NULL,
  blogger VARCHAR(40) NOT NULL,
  period VARCHAR(21),
  settled_on DATE,
  paid_at DATETIME,
  updated_at DATETIME NOT NULL,
  currency VARCHAR(3) NOT NULL,
  amount DECIMAL(12, 2) NOT NULL
);
CREATE INDEX orders_changed ON orders (updated_at, id);
CREATE INDEX items_of_orders ON order_items (order_id);
CREATE INDEX settlements_changed ON blogger_settlements (updated_at, id);
INSERT INTO orders VALUES (10231, 'NS-10231', 'paid', '2025-11-19 14:03:11', '2025-11-19 14:04:00',
  '2025-11-19 14:05:00', 'FPX', 'MYR', '88', 'Aisyah Rahman', 9.90, 108.90);
INSERT INTO order_items VALUES (9001, 10231, 1, 'TEE-BLK-M', 'Tee, black, M', 2, 49.50, 0, 'S-10');
INSERT INTO blogger_settlements VALUES (88, 'ST-88', 'paid', 'BLOG-12', '2025-11-10/2025-11-16',
  '2025-11-16', '2025-11-18 10:00:00', '2025-11-18 10:00:00', 'MYR', 250.00);
