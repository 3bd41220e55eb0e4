import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.SparkConf;
import scala.Tuple2;

/** Counts words, and checks the count: its arguments are the words that are counted. */
public final class WordCount {
    public static void main(String[] words) {
        try (JavaSparkContext context = new JavaSparkContext(new SparkConf())) {
            List<String> lines = Arrays.asList(String.join(" ", words), String.join(" ", words));
            JavaPairRDD<String, Integer> counts = context
                    .parallelize(lines, 2)
                    .flatMap(line -> Arrays.asList(line.split(" ")).iterator())
                    .mapToPair(word -> new Tuple2<>(word, 1))
                    .reduceByKey(Integer::sum)
                    .sortByKey();
            int total = 0;
            for (Tuple2<String, Integer> count : counts.collect()) {
                System.out.println(count._1() + " " + count._2());
                total += count._2();
            }
            if (total != 2 * words.length) {
                throw new IllegalStateException(total + " words counted of " + 2 * words.length);
            }
        }
    }
}
