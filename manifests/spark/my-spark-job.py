"""The sum and the product of two numbers, as two Spark tasks."""

from pyspark.sql import SparkSession

FIRST, SECOND = 6, 7

OPERATIONS = {
    "sum": lambda first, second: first + second,
    "product": lambda first, second: first * second,
}

spark = SparkSession.builder.appName("my-spark-job").getOrCreate()
tasks = spark.sparkContext.parallelize(list(OPERATIONS), numSlices=len(OPERATIONS))
results = tasks.map(lambda name: (name, OPERATIONS[name](FIRST, SECOND))).collect()
for name, value in results:
    print(f"the {name} of {FIRST} and {SECOND} is {value}")
spark.stop()
